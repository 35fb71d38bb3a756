"""The adaptive bitrate on links that change: against what could have been delivered, and beside the rules of others."""
