"""A&D standard text output, copied by many makers."""
