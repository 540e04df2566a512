"""UHF tray readers of the UHFReader18 family: polled inventory of chipped plates over a serial line or TCP."""
