"""Live commands over MQTT: asked, authenticated, answered or expired, all of it in the audit trail (rule 33)."""

import asyncio
import json
import logging
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from typing import Any, Final

import aiomqtt
from asyncpg import Record

from cloud.core.context import BrokerAddress, Core
from cloud.core.database import Transaction
from cloud.core.errors import Conflict
from cloud.core.sessions import User
from cloud.domains.devices import gateways
from cloud.domains.devices.schemas import CommandIn, CommandOut
from cloud.domains.identity import service as identity
from cloud.domains.identity.events import record
from protocols.telemetry import topics
from protocols.telemetry.codec import decode, encode
from protocols.telemetry.commands import signed
from protocols.telemetry.messages import Command, CommandAnswer
from protocols.values.errors import Malformed
from protocols.values.instants import to_ms

ANSWER_WITHIN_S: Final = 5.0
_CONNECT_WITHIN_S: Final = 5.0
_SHOWN_MOST: Final = 100
_log = logging.getLogger(__name__)


async def send(core: Core, user: User, gateway_id: int, body: CommandIn) -> CommandOut:
    """Send a command and wait a little for its answer; with no broker it is `undelivered`, and nothing waits for it."""
    now = core.clock.now()
    async with core.database.transaction(user.organisation_id) as tx:
        gateway = await gateways.found(tx, gateway_id)
        if gateway["state"] != "active":
            raise Conflict("this gateway takes no commands now")
        command_id = await tx.fetchval(
            "INSERT INTO devices_commands (gateway_id, name, arguments, asked_by, asked_at, expires_at) "
            "VALUES ($1, $2, $3, $4, $5, $6) RETURNING id",
            gateway_id,
            body.name,
            json.dumps(body.arguments),
            user.name,
            now,
            now + timedelta(seconds=body.expires_s),
        )
        target = f"gateway:{gateway_id}"
        after = {"command": command_id, "name": body.name, "arguments": body.arguments}
        await record(tx, at=now, actor=f"user:{user.id}", action="devices.command", target=target, after=after)
        command = await _signed(core, tx, gateway, command_id, body, now)
    state, answer = await _converse(core.broker, command)
    async with core.database.transaction(user.organisation_id) as tx:
        await _note(tx, command_id, state, answer, core.clock.now())
        row = await tx.fetchrow("SELECT * FROM devices_commands WHERE id = $1", command_id)
    assert row is not None
    return _shown(row, core.clock.now())


async def recent(core: Core, user: User, gateway_id: int) -> list[CommandOut]:
    """The last commands to a gateway, newest first."""
    async with core.database.transaction(user.organisation_id) as tx:
        await gateways.found(tx, gateway_id)
        rows = await tx.fetch(
            "SELECT * FROM devices_commands WHERE gateway_id = $1 ORDER BY id DESC LIMIT $2", gateway_id, _SHOWN_MOST
        )
    return [_shown(row, core.clock.now()) for row in rows]


async def _signed(
    core: Core, tx: Transaction, gateway: Record, command_id: int, body: CommandIn, now: datetime
) -> Command:
    key = await identity.site_key(core, tx, gateway["site_id"])
    expires_ms = to_ms(now + timedelta(seconds=body.expires_s))
    arguments: dict[str, str | int | bool] = dict(body.arguments)
    return signed(key, Command(str(command_id), gateway["id"], gateway["epoch"], body.name, arguments, expires_ms, b""))


async def _converse(broker: BrokerAddress | None, command: Command) -> tuple[str, CommandAnswer | None]:
    """Publish and wait for the answer: ('sent', None) where none came in time, ('undelivered', None) with no broker."""
    if broker is None:
        return "undelivered", None
    published = False
    try:
        async with AsyncExitStack() as stack:
            async with asyncio.timeout(_CONNECT_WITHIN_S):
                client = await stack.enter_async_context(_client(broker))
                await client.subscribe(topics.command_answers(command.device), qos=1)
                await client.publish(topics.commands(command.device), encode(command), qos=1)
            published = True
            async with asyncio.timeout(ANSWER_WITHIN_S):
                return await _answer(client, command)
    except (aiomqtt.MqttError, OSError, TimeoutError) as error:
        _log.info("command %s: %s", command.id, type(error).__name__)
    return ("sent" if published else "undelivered"), None


async def _answer(client: aiomqtt.Client, command: Command) -> tuple[str, CommandAnswer | None]:
    async for message in client.messages:
        body = message.payload if isinstance(message.payload, bytes) else b""
        try:
            answer = decode(body, CommandAnswer)
        except Malformed as error:
            _log.info("no answer of a gateway: %s", error)
            continue
        if answer.id == command.id and answer.outcome in ("done", "refused", "expired"):
            return answer.outcome, answer
    return "sent", None


async def _note(tx: Transaction, command_id: int, state: str, answer: CommandAnswer | None, now: datetime) -> None:
    text = f"{answer.word} {answer.text}".strip()[:500] if answer else ""
    await tx.execute(
        "UPDATE devices_commands SET state = CASE WHEN state = 'sent' THEN $2 ELSE state END, answer = $3, "
        "answered_at = CASE WHEN $4::boolean THEN coalesce(answered_at, $5) END WHERE id = $1",
        command_id,
        state,
        text.replace("\x00", ""),
        answer is not None,
        now,
    )


def _client(broker: BrokerAddress) -> aiomqtt.Client:
    return aiomqtt.Client(
        broker.host,
        broker.port,
        username=broker.username or None,
        password=broker.password or None,
        timeout=_CONNECT_WITHIN_S,
    )


def _shown(row: Record, now: datetime) -> CommandOut:
    fields: dict[str, Any] = {name: row[name] for name in CommandOut.model_fields}
    late = row["state"] == "sent" and row["expires_at"] <= now
    return CommandOut(
        **{**fields, "arguments": json.loads(row["arguments"]), "state": "expired" if late else row["state"]}
    )
