"""A scale with Toledo continuous output."""
