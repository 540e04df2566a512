"""Drivers: what a device can do (base), how it is kept alive (loop), which there are (registry), one folder each."""
