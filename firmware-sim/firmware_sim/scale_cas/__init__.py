"""A scale with CAS 22-byte output."""
