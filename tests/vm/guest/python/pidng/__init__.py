"""In the place of PiDNG, which writes raw pictures: picamera2 imports two of its names, and uses them for DNG files alone."""
