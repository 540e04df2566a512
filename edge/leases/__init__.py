"""The lease book: what this site may spend of people's balances and limits (offline.md 1 to 11)."""
