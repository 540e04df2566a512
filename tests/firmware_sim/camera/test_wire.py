"""RTSP and RTP/JPEG on the wire, held against the documents' own byte layouts."""

import struct

import cv2
import numpy as np
import pytest
from firmware_sim.camera.device import Scene
from firmware_sim.camera.drawing import tray
from firmware_sim.camera.jpeg import MOST_PAYLOAD_BYTES, NotSuchJpeg, Packetiser, parts_of
from firmware_sim.camera.rtsp import Conversation, parse

HEADER = 12  # RFC 3550: no contributing sources


def jpeg() -> bytes:
    return Scene(1, dishes=(1, 2)).jpeg()


def test_a_picture_travels_whole_in_the_fragments_of_rfc_2435() -> None:
    parts, packets = parts_of(jpeg()), list(Packetiser(ssrc=7, sequence=65_534).packets(jpeg(), 1.0))
    rebuilt = b""
    for place, packet in enumerate(packets):
        flags, kind, sequence, timestamp, ssrc = struct.unpack(">BBHII", packet[:HEADER])
        assert (flags, kind & 0x7F, timestamp, ssrc) == (0x80, 26, 90_000, 7)
        assert sequence == (65_535 + place) & 0xFFFF
        assert bool(kind & 0x80) == (place == len(packets) - 1)
        payload = packet[HEADER:]
        assert len(payload) <= MOST_PAYLOAD_BYTES
        offset, form, quality, width, height = int.from_bytes(payload[1:4]), *payload[4:8]
        assert (offset, form, quality, width * 8, height * 8) == (len(rebuilt), 1, 255, 960, 720)
        body = payload[8:]
        if offset == 0:
            assert body[:4] == b"\x00\x00\x00\x80"
            assert body[4:132] == parts.tables
            body = body[132:]
        rebuilt += body
    assert rebuilt == parts.scan


def test_what_rfc_2435_does_not_carry_is_refused() -> None:
    odd = cv2.imencode(".jpg", np.zeros((50, 50, 3), np.uint8))[1].tobytes()
    grey = cv2.imencode(".jpg", np.zeros((64, 64), np.uint8))[1].tobytes()
    with pytest.raises(NotSuchJpeg):
        parts_of(odd)
    with pytest.raises(NotSuchJpeg):
        parts_of(grey)


def ask(talk: Conversation, first: str, *headers: str) -> tuple[str, str]:
    said = talk.answer(parse("\r\n".join([f"{first} RTSP/1.0", "CSeq: 4", *headers, "", ""])))
    status, _, rest = said.partition("\r\n")
    return status, rest


def test_a_client_sets_up_plays_and_leaves_as_in_rfc_2326() -> None:
    talk = Conversation("00000001", 5.0)
    assert ask(talk, "PLAY rtsp://c/scene")[0] == "RTSP/1.0 455 Method Not Valid in This State"
    assert "PLAY" in ask(talk, "OPTIONS rtsp://c/scene")[1]
    status, said = ask(talk, "DESCRIBE rtsp://c/scene", "Accept: application/sdp")
    assert status == "RTSP/1.0 200 OK"
    assert "m=video 0 RTP/AVP 26" in said
    assert "Content-Length: " in said
    refused = ask(talk, "SETUP rtsp://c/scene/track1", "Transport: RTP/AVP;unicast;client_port=5000-5001")
    assert refused[0] == "RTSP/1.0 461 Unsupported Transport"
    status, said = ask(talk, "SETUP rtsp://c/scene/track1", "Transport: RTP/AVP/TCP;unicast;interleaved=2-3")
    assert status == "RTSP/1.0 200 OK"
    assert "interleaved=2-3" in said
    assert "Session: 00000001" in said
    assert ask(talk, "PLAY rtsp://c/scene")[0] == "RTSP/1.0 200 OK"
    assert talk.playing
    assert talk.channel == 2
    assert ask(talk, "RECORD rtsp://c/scene")[0] == "RTSP/1.0 501 Not Implemented"
    ask(talk, "TEARDOWN rtsp://c/scene")
    assert talk.ended
    assert not talk.playing


def test_the_same_tray_shows_the_same_dishes_and_other_grain() -> None:
    first, second = Scene(3, dishes=(1,)), Scene(3, dishes=(1,))
    assert np.array_equal(first.picture(), second.picture())
    assert not np.array_equal(first.picture(), second.picture() * 0)
    assert not np.array_equal(first.picture(), first.picture())
    assert not np.array_equal(tray([1], np.random.default_rng(1)), tray([2], np.random.default_rng(1)))
