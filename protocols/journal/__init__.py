"""The journal: entries, the SM3 chain over their very bytes, signed checkpoints (offline.md rules 17 to 23)."""
