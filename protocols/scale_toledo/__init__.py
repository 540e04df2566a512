"""Mettler Toledo continuous output, spoken by many indicators."""
