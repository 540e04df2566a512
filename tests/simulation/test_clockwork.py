"""Time, chance and tasks of a simulated world are the same each time."""

import asyncio
import secrets
import time

import pytest

from protocols.crypto import sm2
from tests.simulation.clockwork import OWNER, SimClock, SimLoop, Stalled, run, sealed_world


def test_a_week_of_sleeping_takes_no_time() -> None:
    async def week() -> float:
        await asyncio.sleep(7 * 86_400)
        return asyncio.get_running_loop().time()

    began_s = time.monotonic()
    assert run(week()) == pytest.approx(7 * 86_400)
    assert time.monotonic() - began_s < 5


def test_timers_come_in_the_order_of_their_times() -> None:
    came: list[str] = []

    async def main() -> None:
        async def at(seconds: float, name: str) -> None:
            await asyncio.sleep(seconds)
            came.append(name)

        await asyncio.gather(at(3, "third"), at(1, "first"), at(2.5, "second"))

    run(main())
    assert came == ["first", "second", "third"]


def test_a_timeout_is_one_of_virtual_time() -> None:
    async def main() -> float:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(90):
                await asyncio.Event().wait()
        return asyncio.get_running_loop().time()

    assert run(main()) == pytest.approx(90)


def test_what_is_handed_to_a_thread_runs_in_the_loop() -> None:
    async def main() -> bool:
        loop = asyncio.get_running_loop()
        return await asyncio.to_thread(lambda: asyncio.get_running_loop() is loop)

    assert run(main())


def test_an_error_handed_to_a_thread_comes_back() -> None:
    async def main() -> None:
        await asyncio.to_thread(int, "none")

    with pytest.raises(ValueError, match="none"):
        run(main())


def test_waiting_for_what_never_comes_is_said() -> None:
    async def main() -> None:
        await asyncio.Event().wait()

    with pytest.raises(Stalled):
        SimLoop().run_until_complete(main())


def test_a_process_owns_the_tasks_that_it_starts() -> None:
    owned: list[asyncio.Task[object]] = []

    async def child() -> None:
        await asyncio.sleep(1)

    async def parent() -> None:
        await asyncio.create_task(child())

    async def main() -> None:
        token = OWNER.set(owned)
        task = asyncio.create_task(parent())
        OWNER.reset(token)
        await asyncio.create_task(child())
        await task

    run(main())
    assert len(owned) == 2


def test_a_clock_drifts_jumps_and_starts_over_with_the_power() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, SimLoop)
        clock = SimClock(loop, 1_000_000, drift_ppm=100)
        await asyncio.sleep(10_000)
        assert clock.now_ms() == pytest.approx(1_000_000 + 10_001_000, abs=2)
        assert clock.monotonic_ms() == pytest.approx(10_001_000, abs=2)
        clock.jump(-3_600_000)
        assert clock.now_ms() == pytest.approx(1_000_000 + 10_001_000 - 3_600_000, abs=2)
        clock.drift_ppm = 0
        clock.power_up()
        await asyncio.sleep(1)
        assert clock.monotonic_ms() == pytest.approx(1_000, abs=2)
        assert clock.now_ms() == pytest.approx(1_000_000 + 10_002_000 - 3_600_000, abs=2)

    run(main())


def test_a_sealed_world_draws_the_same_secrets_again() -> None:
    with sealed_world(7):
        first = secrets.token_bytes(16), secrets.token_hex(4)
    with sealed_world(7):
        assert (secrets.token_bytes(16), secrets.token_hex(4)) == first
    with sealed_world(8):
        assert secrets.token_bytes(16) != first[0]


@pytest.mark.parametrize("real", [False, True])
def test_a_signature_of_another_key_or_message_is_refused(real: bool) -> None:
    with sealed_world(1, real_signatures=real):
        private = sm2.private_key_from(secrets.token_bytes(40))
        public = sm2.public_key(private)
        other = sm2.public_key(sm2.private_key_from(secrets.token_bytes(40)))
        nonce = secrets.token_bytes(sm2.NONCE_SIZE)
        made = sm2.sign(private=private, public=public, message=b"said", nonce=nonce)
        assert made is not None
        assert len(made) == sm2.SIGNATURE_SIZE
        assert sm2.verify(public=public, message=b"said", signature=made)
        assert not sm2.verify(public=public, message=b"Said", signature=made)
        assert not sm2.verify(public=other, message=b"said", signature=made)
        assert not sm2.verify(public=public, message=b"said", signature=made[:-1] + bytes([made[-1] ^ 1]))
