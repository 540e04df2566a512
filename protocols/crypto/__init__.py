"""SM2, SM3 and SM4 for both sides: pure functions, randomness passed in by the caller."""
