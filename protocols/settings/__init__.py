"""Settings files: TOML checked against a frozen dataclass, every problem named by line, key and reason. Pure."""
