"""Provisioning once, then a session whenever a call needs one: the device proves its key each time."""

import asyncio
import secrets
from contextlib import suppress
from functools import partial
from typing import TypeVar

from edge.core.clock import SiteTime
from edge.core.log import logger
from edge.journal.identity import DeviceKey, DeviceSecrets, Identity, save_identity
from edge.store.writer import Writer
from edge.sync.api import PROVISION, SESSION, Api, SessionEnded
from edge.sync.signer import Signer
from protocols.sync.codec import provision_bytes, session_bytes
from protocols.sync.messages import PROTOCOL, OpenSession, Provision, Provisioned, Session

T = TypeVar("T")

_log = logger("sync.session")


async def provision(
    api: Api, device_secrets: DeviceSecrets, writer: Writer, time: SiteTime, *, code: str, name: str, software: str
) -> Identity:
    """Become a gateway of the cloud by a one-time code. The key is on disk before, so trying again is harmless."""
    key = device_secrets.newest()
    signature = key.sign(provision_bytes(code, key.public))
    before_ms = time.monotonic_ms()
    said = await api.post(PROVISION, Provision(code, key.public, signature, name, software), Provisioned)
    time.anchor(server_ms=said.server_ms, round_trip_ms=time.monotonic_ms() - before_ms)
    device_secrets.number_first(said.key_id)
    identity = Identity(said.organisation, said.site, said.device, said.epoch, said.time_zone, said.site_key)
    await writer.submit(partial(save_identity, identity=identity, device_secrets=device_secrets), in_hand=True)
    _log.info("provisioned as device %d of site %d, epoch %d", said.device, said.site, said.epoch)
    return identity


class CloudSession:
    """Calls with a token, opened at the first call and again when the cloud has ended it."""

    def __init__(self, api: Api, signer: Signer, identity: Identity, time: SiteTime, *, software: str) -> None:
        self._api, self._signer, self._identity, self._time = api, signer, identity, time
        self._software = software
        self.generation = 0
        self._opening = asyncio.Lock()

    async def post(self, path: str, message: object, answer: type[T]) -> T:
        """As `CloudApi.post`, with a session."""
        try:
            await self._ensure()
            return await self._api.post(path, message, answer)
        except SessionEnded:
            self._api.token = ""
            await self._ensure()
            return await self._api.post(path, message, answer)

    async def get(self, path: str, answer: type[T], **query: int | str) -> T:
        """As `CloudApi.get`, with a session."""
        try:
            await self._ensure()
            return await self._api.get(path, answer, **query)
        except SessionEnded:
            self._api.token = ""
            await self._ensure()
            return await self._api.get(path, answer, **query)

    async def _ensure(self) -> None:
        async with self._opening:
            if not self._api.token:
                await self._open()

    async def _open(self) -> None:
        *first, last = self._signer.session_keys()
        for key in first:
            with suppress(SessionEnded):
                await self._open_with(key)
                return
            _log.warning("the cloud does not take key %d: an older one is shown", key.key_id)
        await self._open_with(last)

    async def _open_with(self, key: DeviceKey) -> None:
        nonce, at_ms = secrets.token_bytes(16), self._time.now_ms()
        signature = await self._signer.sign(key, session_bytes(self._identity.device, key.key_id, at_ms, nonce))
        ask = OpenSession(PROTOCOL, self._identity.device, key.key_id, at_ms, nonce, signature, self._software)
        before_ms = self._time.monotonic_ms()
        said = await self._api.post(SESSION, ask, Session)
        self._time.anchor(server_ms=said.server_ms, round_trip_ms=self._time.monotonic_ms() - before_ms)
        self.generation = said.generation
        self._api.token = said.token
