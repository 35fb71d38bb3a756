"""The demonstration's far end: an RTMP server and viewer of our own on loopback, so that a newcomer sees a picture travel.

No server for real use: one publisher at a time, nothing recorded, nothing handed on.
"""
