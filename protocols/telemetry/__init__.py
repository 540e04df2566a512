"""What edge and cloud send each other over MQTT: samples, presence and commands (offline.md 31 and 33)."""
