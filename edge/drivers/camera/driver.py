"""A camera: its newest picture whenever one is asked for, reconnected when it goes, freezes or falls silent."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import Final

from edge.drivers.base import DriverContext, Frame, Link, LooksAt, Unavailable
from edge.drivers.camera.grabber import Grabber
from edge.drivers.camera.settings import CameraSettings
from edge.drivers.camera.source import Source
from edge.drivers.loop import Backoff, DeviceLoop
from edge.transports.base import TransportUnavailable

_LOOK_EVERY_S: Final = 0.02
_LET_GO_S: Final = 1.0


class VideoCamera:
    """Fulfils Camera."""

    def __init__(self, settings: CameraSettings, context: DriverContext) -> None:
        self._settings = settings
        self._context = context
        self._link = _Stream(Source.parse(settings.url), settings, context)
        self._loop = DeviceLoop(context, self._link, backoff=Backoff(), open_timeout_s=settings.open_timeout_s)
        self._frozen_at = 0  # digest of the picture on which the stream froze last

    @property
    def name(self) -> str:
        """The name given in the settings."""
        return self._context.name

    @property
    def looks_at(self) -> LooksAt:
        """What it is there for."""
        return self._settings.looks_at

    def frames(self) -> AsyncGenerator[Frame | Link, None]:
        """Yield the newest pictures and link changes, for ever."""
        return self._loop.items(self._prepare, self._session)

    async def close(self) -> None:
        """Release the camera."""
        await self._loop.close()

    async def _prepare(self) -> None:
        """A stream that froze is not back before it shows another picture."""
        frame = await self._link.next(timeout_s=self._settings.open_timeout_s)
        while self._frozen_at and self._link.digest == self._frozen_at:
            if self._context.monotonic_s() - frame.at_monotonic_s > self._settings.silent_after_s:
                raise Unavailable("the picture still stands still")
            await self._link.next(timeout_s=self._settings.silent_after_s)
        self._frozen_at = 0

    async def _session(self) -> AsyncGenerator[Frame, None]:
        limit_s = self._settings.frozen_after_s
        while True:
            frame = await self._link.next(timeout_s=self._settings.silent_after_s)
            if limit_s and frame.at_monotonic_s - self._link.same_since_s >= limit_s:
                self._frozen_at = self._link.digest
                raise Unavailable(f"the picture has stood still for {limit_s:g} s")
            yield frame


class _Stream:
    """The connection the loop opens and closes: a grabber, and the way to its pictures from the event loop."""

    def __init__(self, source: Source, settings: CameraSettings, context: DriverContext) -> None:
        self._source, self._settings, self._context = source, settings, context
        self._grabber: Grabber | None = None
        self._news = asyncio.Event()

    @property
    def url(self) -> str:
        """Where it leads, without a password."""
        return self._source.shown

    @property
    def digest(self) -> int:
        """Of the newest picture."""
        return self._grabber.digest if self._grabber else 0

    @property
    def same_since_s(self) -> float:
        """Since when the newest picture has been the same."""
        return self._grabber.same_since_s if self._grabber else 0.0

    async def open(self, *, timeout_s: float) -> None:
        """Start reading; the first picture proves that the camera is there. One thread a camera, never two."""
        before = self._grabber
        if before is not None and not await self._over(before, timeout_s):
            raise TransportUnavailable("the camera's last reading has not ended yet")
        self._news.clear()
        loop = asyncio.get_running_loop()

        def told() -> None:
            with suppress(RuntimeError):  # the loop has ended meanwhile: nobody waits any more
                loop.call_soon_threadsafe(self._news.set)

        self._grabber = Grabber(
            self._source,
            timeout_s=timeout_s,
            most_fps=self._settings.most_fps,
            most_side_px=self._settings.most_side_px,
            monotonic_s=self._context.monotonic_s,
            told=told,
        )
        self._grabber.start()

    async def close(self) -> None:
        """Let go, and wait a moment for the thread; one whose read is stuck ends by itself when that is over."""
        if self._grabber is not None:
            self._grabber.stop()
            self._news.set()
            await self._over(self._grabber, _LET_GO_S)

    async def next(self, *, timeout_s: float) -> Frame:
        """The newest picture not seen before; Unavailable where none comes in time or the stream has ended."""
        grabber = self._grabber
        if grabber is None:
            raise Unavailable("the camera is closed")
        try:
            async with asyncio.timeout(timeout_s):
                while True:
                    self._news.clear()
                    frame = grabber.take()
                    if frame is not None:
                        return frame
                    if grabber.error:
                        raise Unavailable(grabber.error)
                    if grabber.stopped:
                        raise Unavailable("the camera is closed")
                    await self._news.wait()
        except TimeoutError:
            raise Unavailable(f"no picture for {timeout_s:g} s") from None

    async def _over(self, grabber: Grabber, timeout_s: float) -> bool:
        """Whether the former thread has let go of the camera, waiting a while for it."""
        deadline_s = asyncio.get_running_loop().time() + timeout_s
        while not grabber.ended:
            if asyncio.get_running_loop().time() > deadline_s:
                return False
            await asyncio.sleep(_LOOK_EVERY_S)
        return True
