"""MQTT against a real broker: presence, commands, samples until acknowledged; trading without any."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import aiomqtt
import pytest
from amqtt.broker import Broker

from edge.stations.gateway import Gateway
from edge.sync.settings import BrokerSettings
from protocols.telemetry import topics
from protocols.telemetry.codec import decode, encode
from protocols.telemetry.commands import signed
from protocols.telemetry.messages import Command, CommandAnswer, Presence, Priority, Sample, SampleAck, SampleBatch
from tests.support.edge import DEVICE, EPOCH, SITE_KEY, gateway_settings, granted, settle_unit, settlement, site_at


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def broker_on(port: int) -> AsyncIterator[None]:
    plugins = {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}}
    broker = Broker({"listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{port}"}}, "plugins": plugins})
    await broker.start()
    try:
        yield
    finally:
        await broker.shutdown()


@asynccontextmanager
async def linked(gateway: Gateway) -> AsyncIterator[None]:
    task = asyncio.create_task(gateway.broker.run(device=DEVICE, epoch=EPOCH))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


def broker_settings(port: int) -> BrokerSettings:
    return BrokerSettings(host="127.0.0.1", port=port, flush_s=0.05, ack_timeout_s=1.0)


@pytest.mark.rule(31, 33)
async def test_samples_stay_until_the_cloud_has_them_and_commands_are_answered(tmp_path: Path) -> None:
    port = free_port()
    settings = gateway_settings(broker=broker_settings(port))
    async with broker_on(port):
        with site_at(tmp_path, settings=settings) as gateway:
            async with aiomqtt.Client("127.0.0.1", port) as cloud, linked(gateway):
                await cloud.subscribe(f"qm/{DEVICE}/up/#", qos=1)
                spool, now_ms = gateway.site.spool, gateway.site.time.now_ms()
                spool.offer(Sample("lane.A1.weight", now_ms, {"g": 120}, Priority.MEASURE))
                plain = Command("c1", DEVICE, EPOCH, "ping", {}, now_ms + 60_000, b"")
                seen: dict[str, object] = {}
                batches: list[SampleBatch] = []
                async with asyncio.timeout(20):
                    async for message in cloud.messages:
                        topic, body = str(message.topic), message.payload
                        assert isinstance(body, bytes)
                        if topic == topics.presence(DEVICE):
                            seen["presence"] = decode(body, Presence).online
                            await cloud.publish(topics.commands(DEVICE), encode(signed(SITE_KEY, plain)), qos=1)
                        elif topic == topics.samples(DEVICE):
                            batches.append(decode(body, SampleBatch))
                            if len(batches) == 2:  # the first is lost on the cloud's side
                                ack = encode(SampleAck(batches[-1].number))
                                await cloud.publish(topics.sample_acks(DEVICE), ack, qos=1)
                        elif topic == topics.command_answers(DEVICE):
                            seen["answer"] = decode(body, CommandAnswer)
                        if "answer" in seen and spool.waiting == 0 and batches:
                            break
                        if "answer" in seen and len(batches) >= 2:
                            await asyncio.sleep(0.5)
                            break
                assert seen["presence"] is True
                assert seen["answer"] == CommandAnswer("c1", "done", "", "pong")
                assert batches[0].samples == batches[1].samples
                assert spool.waiting == 0


@pytest.mark.rule(33)
async def test_rule_33_all_trading_works_with_the_broker_down_and_samples_are_kept(tmp_path: Path) -> None:
    settings = gateway_settings(broker=broker_settings(free_port()))
    with site_at(tmp_path, settings=settings) as gateway:
        site = gateway.site
        granted(site, [1])
        async with linked(gateway):
            site.spool.offer(Sample("a", site.time.now_ms(), {"v": 1}))
            for _ in range(20):
                sale = settlement(1, 100)
                await site.writer.submit(partial(settle_unit, site.journal, site.leases, sale))
            await asyncio.sleep(0.3)
            assert not gateway.broker.connected
        assert site.journal.sum_fen == 2_000
        assert site.spool.waiting == 1


async def test_a_broker_that_comes_back_is_found_again(tmp_path: Path) -> None:
    port = free_port()
    with site_at(tmp_path, settings=gateway_settings(broker=broker_settings(port))) as gateway:
        async with linked(gateway):
            await asyncio.sleep(0.2)
            async with broker_on(port):
                async with asyncio.timeout(15):
                    while not gateway.broker.connected:  # noqa: ASYNC110  what is awaited tells nobody
                        await asyncio.sleep(0.05)
                assert gateway.broker.connected
