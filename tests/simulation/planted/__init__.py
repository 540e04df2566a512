"""Planted bugs: named and mechanical mutants of the real code, and the runner that shows the world finds them."""
