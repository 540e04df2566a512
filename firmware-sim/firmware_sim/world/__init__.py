"""The simulated campus: its processes, its network, its lanes and its diners."""
