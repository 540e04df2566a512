"""Versioned read-only copies of what lanes need to know (offline.md 12, 14, 16, 30)."""
