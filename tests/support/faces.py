"""Enrolling somebody through the API, with the sample photographs."""

from collections.abc import Sequence
from typing import Any

import cv2
import httpx
import numpy as np

from tests.support.domains import API
from tests.support.networks import photo, require_samples

OBAMA = ("fr-obama/01.jpg", "fr-obama/03.jpg", "fr-obama/04.jpg")


def bytes_of(name: str) -> bytes:
    """One of the sample photographs as its file."""
    return (require_samples() / "faces" / name).read_bytes()


def flipped(name: str) -> bytes:
    """One of them mirrored: another picture of the same face."""
    return bytes(cv2.imencode(".jpg", np.ascontiguousarray(photo(name)[:, ::-1]))[1])


async def agree(client: httpx.AsyncClient, person: int, *sites: int) -> dict[str, Any]:
    """Note a person's consent to these sites."""
    wording = (await client.get(f"{API}/identity/face-consent-text")).json()["wording"]
    answer = await client.put(
        f"{API}/identity/people/{person}/face-consent", json={"wording": wording, "site_ids": list(sites)}
    )
    assert answer.is_success, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def post_pictures(
    client: httpx.AsyncClient, person: int, pictures: Sequence[bytes], **values: str
) -> httpx.Response:
    """Enrol with these pictures."""
    files = [("pictures", (f"{n}.jpg", content)) for n, content in enumerate(pictures)]
    return await client.post(f"{API}/identity/people/{person}/face-enrolments", files=files, data=values)


async def enrol(client: httpx.AsyncClient, person: int, names: Sequence[str] = OBAMA, **values: str) -> dict[str, Any]:
    """Enrol with sample photographs."""
    answer = await post_pictures(client, person, [bytes_of(name) for name in names], **values)
    assert answer.is_success, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def face_of(client: httpx.AsyncClient, person: int) -> dict[str, Any]:
    """How a person stands."""
    answer = await client.get(f"{API}/identity/people/{person}/face")
    assert answer.is_success, answer.text
    found: dict[str, Any] = answer.json()
    return found
