"""Simulated hardware on its real wire protocols, with seeded faults; and a campus of it."""
