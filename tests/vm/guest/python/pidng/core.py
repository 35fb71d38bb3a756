"""See the package."""


class PICAM2DNG:
    """Raw pictures are not taken here."""
