"""The simulated board (SPEC 11): product code for demonstrations and tests, chosen by name."""
