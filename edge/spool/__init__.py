"""The spool of telemetry samples: bounded, thinned by priority, acknowledged end to end (offline.md 31)."""
