"""Finds plates, bowls and cups on a tray, what kind they are, and the food in each."""
