"""Errors every pure part may raise."""


class Malformed(ValueError):
    """Bytes or text that do not follow their format. The message says what was expected; nothing was applied."""


class RuleViolation(ValueError):
    """A value that would break an invariant (an unbalanced split, a negative amount). A defect in the caller."""
