"""Cameras over doors and queues: people followed, counted in and out, waiting and seats estimated."""
