"""Payment codes people show: dynamic (bound to person, site and time step, verifiable with no network) and static."""
