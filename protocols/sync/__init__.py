"""What edge and cloud send each other over HTTPS: batches up, leases and replicas down (offline.md 24 to 30)."""
