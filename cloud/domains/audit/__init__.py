"""The audit trail: every change and sensitive read, chained by SM3. Uses identity's news; alters nothing, ever."""
