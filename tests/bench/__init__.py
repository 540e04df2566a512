"""Benches: each prints how our code compares with the bare operation under it."""
