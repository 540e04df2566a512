"""CAS indicators: the 22-byte output."""
