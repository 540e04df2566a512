"""The journal of facts: chained, stamped, signed, kept until the cloud has them safe (offline.md 17 to 23)."""
