"""What every simulated device shares: the shape of a device, faults, wires, the control line, hosting."""
