"""A scale with an XK3190-A9 indicator in continuous mode."""
