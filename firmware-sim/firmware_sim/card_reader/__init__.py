"""A serial card reader that cards are held to."""
