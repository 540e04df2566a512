"""A tray reader of the UHFReader18 family with trays of chipped plates over it."""
