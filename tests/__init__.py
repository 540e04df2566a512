"""Tests, benches and their shared support; never imported by the product."""
