"""What every part of the edge stands on: time, supervision, errors, logging."""
