"""What the pusher's decisions set in motion: media and network, wired together."""
