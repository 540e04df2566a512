"""Tells the dish in a picture after being taught it by a few others; says unknown rather than guess."""
