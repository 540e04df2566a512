"""A scale with A&D text output."""
