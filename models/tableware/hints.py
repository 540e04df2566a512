"""Bowls that a general detector sees: a hint for the search by edges, never alone a thing to charge."""

from models.dish.picture import Picture
from models.objects import BOWL, GENERAL, Box, Detector
from models.registry import Networks


def bowl_boxes(picture: Picture, networks: Networks) -> list[Box]:
    """The bowl boxes of a picture; none where the detector is not in the store."""
    if not networks.has(networks.named(GENERAL).name):
        return []
    return [seen.box for seen in Detector(networks).look(picture) if seen.kind == BOWL]
