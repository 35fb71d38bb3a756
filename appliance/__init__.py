"""Live Pusher: a streaming box with the contract of the ``<live-pusher>`` component."""

__version__ = "0.1.0"
