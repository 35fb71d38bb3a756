"""A Pi's camera and encoder for tests, where picamera2 is the real one and what lies under it is not.

``library`` imports the real picamera2 beside stand-ins for libcamera and what else it imports and does not use here;
``codec`` and ``device`` are /dev/video11 at its edge: what the kernel answers to open, ioctl, poll and mmap; ``camera``
is a sensor under picamera2's own loop, requests and locks. ``python -m tests.pi`` is the appliance on them.
"""
