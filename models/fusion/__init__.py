"""Joins what chips, scale and camera say of one tray: they agree, or the lane asks. Pure."""
