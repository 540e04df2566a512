"""Stations: what a gateway does for people, one folder a kind of place."""
