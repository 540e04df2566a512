"""The camera driver against a real RTSP stream on the loopback, and against real files."""

import asyncio
import threading
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from firmware_sim.camera.drawing import tray

from edge.drivers.base import Camera, Frame, Link
from edge.drivers.registry import WrongDeviceSettingsError, make_driver
from tests.support.devices import driver_context, following, running

QUICK = {"most_fps": 30.0, "silent_after_s": 1.0, "frozen_after_s": 1.0, "open_timeout_s": 4.0}


def camera(url: str, **settings: Any) -> Camera:
    made = make_driver("camera", {"url": url, **QUICK, **settings}, driver_context("tray camera"))
    assert isinstance(made, Camera)
    return made


def video(path: Path, *, pictures: int = 6, fps: float = 30.0, still: bool = False) -> str:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), fps, (320, 240))
    for number in range(pictures):
        drawn = tray([1, 2], np.random.default_rng(0 if still else number))
        writer.write(cv2.resize(drawn, (320, 240)))
    writer.release()
    return f"file:{path}"


@pytest.mark.capability("SET-02")
async def test_pictures_come_from_a_real_stream_with_their_time() -> None:
    async with running("camera", options={"tray": [1, 2]}) as simulated:
        driver = camera(simulated.address, looks_at="face")
        assert driver.looks_at == "face"
        async with following(driver.frames()) as frames:
            assert (await frames.next()).up
            first, second = await frames.until(Frame), await frames.until(Frame)
        assert first.picture.shape == (720, 960, 3)
        assert first.picture.dtype == np.uint8
        assert second.at_monotonic_s > first.at_monotonic_s
        assert (
            np.abs(first.picture.mean(axis=(0, 1)) - tray([1, 2], np.random.default_rng(1)).mean(axis=(0, 1))).max() < 8
        )


async def test_a_slow_consumer_gets_the_newest_picture_and_never_a_stale_one() -> None:
    async with running("camera", options={"frames_per_s": 20.0}) as simulated:
        driver = camera(simulated.address)
        async with following(driver.frames()) as frames:
            first = await frames.until(Frame)
            await asyncio.sleep(1.0)
            await simulated.act({"black": True})
            await asyncio.sleep(0.5)
            seen = await frames.until(Frame)
            assert seen.sequence > first.sequence + 10
            assert seen.picture.mean() < 5


async def test_a_camera_unplugged_is_told_once_and_found_again() -> None:
    async with running("camera") as simulated:
        driver = camera(simulated.address)
        async with following(driver.frames()) as frames:
            await frames.until(Frame)
            await simulated.act({"plugged": False})
            gone = await frames.until(Link)
            assert not gone.up
            assert gone.reason
            await simulated.act({"plugged": True})
            back = await frames.until(Link)
            assert back.up
            assert (await frames.until(Frame)).sequence >= 1


async def test_a_silent_stream_counts_as_gone() -> None:
    async with running("camera") as simulated, following(camera(simulated.address).frames()) as frames:
        await frames.until(Frame)
        await simulated.act({"stall_s": 2.5})
        gone = await frames.until(Link)
        assert gone.reason == "no picture for 1 s"
        assert (await frames.until(Link)).up


async def test_a_frozen_stream_is_found_and_is_back_only_with_another_picture() -> None:
    async with running("camera") as simulated:
        async with following(camera(simulated.address).frames()) as frames:
            await frames.until(Frame)
            await simulated.act({"frozen": True})
            gone = await frames.until(Link)
            assert gone.reason == "the picture has stood still for 1 s"
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(3.0):  # it connects, but the same picture is no proof of a camera
                    await frames.next()
        async with following(camera(simulated.address).frames()) as frames:
            await simulated.act({"frozen": False})
            assert (await frames.until(Link)).up


async def test_a_file_plays_for_ever_at_its_own_pace(tmp_path: Path) -> None:
    driver = camera(video(tmp_path / "lunch.avi"))
    async with following(driver.frames()) as frames:
        seen = [await frames.until(Frame) for _ in range(14)]
    assert {frame.picture.shape for frame in seen} == {(240, 320, 3)}
    assert seen[-1].at_monotonic_s - seen[0].at_monotonic_s > 0.3


async def test_a_still_picture_may_stand_where_it_is_meant_to(tmp_path: Path) -> None:
    driver = camera(video(tmp_path / "still.avi", still=True), frozen_after_s=0)
    async with following(driver.frames()) as frames:
        assert (await frames.next()).up
        seen = [await frames.next() for _ in range(12)]
    assert all(isinstance(item, Frame) for item in seen)


async def test_large_pictures_are_made_smaller_at_once(tmp_path: Path) -> None:
    async with following(camera(video(tmp_path / "a.avi"), most_side_px=160).frames()) as frames:
        assert (await frames.until(Frame)).picture.shape == (120, 160, 3)


@pytest.mark.parametrize("content", [b"", b"this is no video"])
async def test_a_file_without_pictures_is_a_camera_that_is_away(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.avi").write_bytes(content)
    async with following(camera(f"file:{tmp_path / 'a.avi'}").frames()) as frames:
        gone = await frames.next()
    assert not gone.up
    assert "a.avi" in gone.reason


async def test_closing_ends_the_thread_and_the_connection() -> None:
    async with running("camera") as simulated:
        driver = camera(simulated.address)
        async with following(driver.frames()) as frames:
            await frames.until(Frame)
        await driver.close()
        for _ in range(100):
            if not any(thread.name.startswith("camera ") for thread in threading.enumerate()):
                break
            await asyncio.sleep(0.05)
        assert not any(thread.name.startswith("camera ") for thread in threading.enumerate())


@pytest.mark.parametrize("url", ["", "http://camera/", "rtsp:///scene", "usb:", "/dev/video0"])
def test_an_address_that_is_no_camera_is_refused_with_the_forms_there_are(url: str) -> None:
    with pytest.raises(WrongDeviceSettingsError, match=r"rtsp://host/path, usb:0"):
        camera(url)


async def test_a_password_in_the_address_is_in_no_log(caplog: pytest.LogCaptureFixture) -> None:
    async with running("camera") as simulated:
        url = simulated.address.replace("rtsp://", "rtsp://guest:hush@")
        with caplog.at_level("INFO"):
            async with following(camera(url).frames()) as frames:
                assert (await frames.next()).up
    assert "link up" in caplog.text
    assert "hush" not in caplog.text
