"""Gateways: one-time codes, SM2 keys and their ranges, epochs, how each stands, commands, the quarantine desk.

Words: an epoch is one life of a site's stream; a certificate says what a lost gateway had that never came in.
"""
