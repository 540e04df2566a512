"""Lanes as pure state machines: `step(state, event) -> (state, effects)`. No clock, no device, no store in here."""
