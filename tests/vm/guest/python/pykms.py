"""In the place of kms++'s Python binding, which only Raspberry Pi OS packages: picamera2's preview on a display names its
pixel formats when it is imported, and nothing else is used without a display."""


class PixelFormat:
    RGB888 = "RG24"
    BGR888 = "BG24"
    XRGB8888 = "XR24"
    XBGR8888 = "XB24"
    YUV420 = "YU12"
    YVU420 = "YV12"
    NV12 = "NV12"


def __getattr__(name: str) -> object:
    raise AttributeError(f"pykms.{name}: no display on this machine")
