"""Sites and buildings. Owns where things are and the time zone days are reckoned in; uses no other domain."""
