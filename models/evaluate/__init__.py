"""Evaluations on any folder in the format of the sample data: one JSON line, a table and plots."""
