"""MQTT: presence, commands down, samples up. Nothing of trade or sync waits for it (rule 33)."""

import asyncio
import logging
import ssl
from pathlib import Path
from random import Random

import aiomqtt

from edge.core.clock import SiteTime
from edge.core.log import logger
from edge.spool.spool import Spool
from edge.sync.api import pinned
from edge.sync.backoff import Backoff
from edge.sync.commands import Commands
from edge.sync.settings import BrokerSettings
from protocols.telemetry import topics
from protocols.telemetry.codec import decode, encode
from protocols.telemetry.messages import (
    MAX_SAMPLES,
    Command,
    Presence,
    SampleAck,
    SampleBatch,
)
from protocols.values.errors import Malformed

_CALL_TIMEOUT_S = 10.0

_log = logger("sync.broker")


class BrokerLink:
    """One connection, made anew whenever it breaks. Samples leave the spool by the cloud's acknowledgement alone."""

    def __init__(
        self, settings: BrokerSettings, spool: Spool, commands: Commands, time: SiteTime, random: Random
    ) -> None:
        self._settings, self._spool, self._commands, self._time = settings, spool, commands, time
        self._backoff = Backoff(random, first_s=0.5, most_s=30.0)
        self._acked = asyncio.Event()
        self._sent: tuple[int, list[int]] | None = None
        self.connected = False
        logging.getLogger("mqtt").setLevel(logging.CRITICAL)  # what it says, this link says in its own words

    async def run(self, *, device: int, epoch: int) -> None:
        """For ever. Without a broker in the settings, samples are only spooled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._keep_samples(), name="broker.spool")
            if self._settings.host:
                tasks.create_task(self._keep_connected(device, epoch), name="broker.link")

    async def _keep_samples(self) -> None:
        while True:
            await self._spool.wait_urgent(self._settings.flush_s)
            await self._spool.flush()

    async def _keep_connected(self, device: int, epoch: int) -> None:
        while True:
            try:
                await self._converse(device, epoch)
            except* (aiomqtt.MqttError, OSError, ssl.SSLError) as errors:
                _log.info("broker away: %s", errors.exceptions[0])
            finally:
                self.connected = False
            await asyncio.sleep(self._backoff.failed())

    async def _converse(self, device: int, epoch: int) -> None:
        async with self._client(device) as client:
            client.pending_calls_threshold = 1_000
            await client.subscribe(topics.commands(device), qos=1)
            await client.subscribe(topics.sample_acks(device), qos=1)
            await self._tell_presence(client, device)
            self.connected = True
            self._backoff.succeeded()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._listen(client, device))
                tasks.create_task(self._send(client, device, epoch))

    async def _listen(self, client: aiomqtt.Client, device: int) -> None:
        async for message in client.messages:
            body = message.payload if isinstance(message.payload, bytes) else b""
            try:
                if message.topic.matches(topics.sample_acks(device)):
                    await self._take_ack(decode(body, SampleAck))
                elif message.topic.matches(topics.commands(device)) and not message.retain:
                    await self._take_command(client, device, decode(body, Command))
            except Malformed as error:
                _log.warning("a message on %s was dropped: %s", message.topic, error)
        raise aiomqtt.MqttError("the broker closed the connection")

    async def _take_command(self, client: aiomqtt.Client, device: int, command: Command) -> None:
        answer = await self._commands.take(command)
        if answer is not None:
            await client.publish(topics.command_answers(device), encode(answer), qos=1, timeout=_CALL_TIMEOUT_S)

    async def _take_ack(self, ack: SampleAck) -> None:
        if self._sent is not None and self._sent[0] == ack.number:
            _, ids = self._sent
            self._sent = None
            await self._spool.acknowledged(ids)
            self._acked.set()

    async def _send(self, client: aiomqtt.Client, device: int, epoch: int) -> None:
        """One batch in flight; what is not acknowledged in time is sent again, which is harmless."""
        while True:
            found = self._spool.oldest(MAX_SAMPLES)
            if not found:
                await asyncio.sleep(self._settings.flush_s)
                continue
            number = found[-1][0]
            self._acked.clear()
            self._sent = (number, [row for row, _ in found])
            batch = SampleBatch(device, epoch, number, tuple(sample for _, sample in found))
            await client.publish(topics.samples(device), encode(batch), qos=1, timeout=_CALL_TIMEOUT_S)
            try:
                async with asyncio.timeout(self._settings.ack_timeout_s):
                    await self._acked.wait()
            except TimeoutError:
                _log.info("samples up to %d were not acknowledged: sending them again", number)

    async def _tell_presence(self, client: aiomqtt.Client, device: int) -> None:
        here = Presence(device, online=True, at_ms=self._time.now_ms())
        await client.publish(topics.presence(device), encode(here), qos=1, retain=True, timeout=_CALL_TIMEOUT_S)

    def _client(self, device: int) -> aiomqtt.Client:
        settings = self._settings
        gone = Presence(device, online=False, at_ms=0)
        return aiomqtt.Client(
            settings.host,
            settings.port,
            identifier=f"qm-{device}",
            username=settings.username or None,
            password=_first_line(settings.password_file),
            tls_context=pinned(settings.ca_file) if settings.tls else None,
            keepalive=settings.keepalive_s,
            timeout=_CALL_TIMEOUT_S,
            will=aiomqtt.Will(topics.presence(device), encode(gone), qos=1, retain=True),
            max_queued_incoming_messages=100,
            max_queued_outgoing_messages=100,
        )


def _first_line(path: str) -> str | None:
    return Path(path).read_text(encoding="utf-8").splitlines()[0] if path else None
