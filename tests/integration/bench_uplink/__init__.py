"""The uplink bench on real networks."""
