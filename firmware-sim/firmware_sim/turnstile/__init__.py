"""A turnstile behind a Modbus relay module."""
