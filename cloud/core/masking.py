"""How personal fields are shown to who may not see them whole."""


def mask_phone(phone: str) -> str:
    """First three and last four digits: 138****5678."""
    return _middle(phone, front=3, back=4)


def mask_identity_number(number: str) -> str:
    """First three and last two characters: 110*************2X."""
    return _middle(number, front=3, back=2)


def mask_name(name: str) -> str:
    """The family name stays: 张*, 欧** (one character for one)."""
    return name[:1] + "*" * (len(name) - 1)


def _middle(text: str, *, front: int, back: int) -> str:
    if len(text) <= front + back:
        return "*" * len(text)
    return text[:front] + "*" * (len(text) - front - back) + text[-back:]
