"""The running product under random operations and faults for as long as one likes: ``make soak MINUTES=60``."""
