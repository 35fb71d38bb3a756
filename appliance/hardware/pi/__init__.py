"""The Raspberry Pi: picamera2 cameras with their hardware encoder, ALSA microphones, gpiozero pins through lgpio."""
