"""What edge and cloud say to each other: values, wire formats and pure rules. Nothing here does I/O."""
