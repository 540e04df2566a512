"""How facts come in and rights and reference go out (offline.md rules 17 to 30). `service.py` is the domains' door.

A *stream* is (device, epoch); a *branch* above 0 is a further successor of one of its hashes. Each entry of a stream
ends as applied, parked (waits behind another, or for an upgrade) or quarantined (waits for a person).
"""
