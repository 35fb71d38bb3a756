"""See the package."""


class Picamera2Camera:
    """Raw pictures are not taken here."""
