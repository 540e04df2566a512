"""A code scanner that phones and packs are held to."""
