"""Byte links to devices: serial ports and ptys, TCP, and an in-memory pair, behind one protocol."""
