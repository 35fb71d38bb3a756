"""The virtual board: the real libraries on a Debian system in QEMU, with simulated hardware under them; see README.md."""
