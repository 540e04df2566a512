"""What every part of the cloud stands on: database, errors, sign-in, events, jobs, crypto, backup. Knows no domain."""
