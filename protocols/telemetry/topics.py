"""Topic names. A device publishes below `qm/<device>/up/` and listens below `qm/<device>/down/` only."""


def samples(device: int) -> str:
    """SampleBatch, from the edge."""
    return f"qm/{device}/up/samples"


def sample_acks(device: int) -> str:
    """SampleAck, from the cloud."""
    return f"qm/{device}/down/acks"


def presence(device: int) -> str:
    """Presence, retained, also the last will."""
    return f"qm/{device}/up/presence"


def commands(device: int) -> str:
    """Command, from the cloud."""
    return f"qm/{device}/down/commands"


def command_answers(device: int) -> str:
    """CommandAnswer, from the edge."""
    return f"qm/{device}/up/answers"
