"""The canteen station: four kinds of lane that settle with no network.

`lanes/` holds a pure state machine a kind, `step(state, event) -> (state, effects)`; `shell.py` feeds one with device
events, screen acts and time, and carries its effects out. `checkout.py`, `refunds.py`, `cash.py`, `closing.py` are the
use cases, each a unit of the store's writer. `station.py` builds it all for the supervisor.
"""
