"""One dock section per module: they show the session and hold no state."""
