import pytest
from firmware_sim.core.faults import FaultRates, Faults, Spoilt
from hypothesis import given
from hypothesis import strategies as st

FRAME = b"\x02+0020002" + b"1B\x03"
ALL = FaultRates(noise=0.3, cut=0.3, stall=0.3, duplicate=0.3, unplug=0.1)


def spoilt(rates: FaultRates, *, seed: int, count: int = 200) -> list[Spoilt]:
    faults = Faults(rates, seed=seed)
    return [faults.spoil(FRAME) for _ in range(count)]


def test_the_same_seed_spoils_the_same_frames_in_the_same_way() -> None:
    assert spoilt(ALL, seed=7) == spoilt(ALL, seed=7)
    assert spoilt(ALL, seed=7) != spoilt(ALL, seed=8)


def test_without_rates_every_frame_passes_as_it_is() -> None:
    assert set(spoilt(FaultRates(), seed=1)) == {Spoilt(pieces=(FRAME,))}


def test_each_fault_does_what_its_name_says() -> None:
    assert all(found.pieces == (FRAME, FRAME) for found in spoilt(FaultRates(duplicate=1), seed=1))
    assert all(found == Spoilt(pieces=(), unplug_s=2.0) for found in spoilt(FaultRates(unplug=1), seed=1))
    assert all(found.stall_s == 3.0 for found in spoilt(FaultRates(stall=1), seed=1))
    for found in spoilt(FaultRates(cut=1), seed=1):
        (piece,) = found.pieces
        assert 0 < len(piece) < len(FRAME)
        assert FRAME.startswith(piece)
    for found in spoilt(FaultRates(noise=1), seed=1):
        (piece,) = found.pieces
        assert piece != FRAME
        assert len(piece) >= len(FRAME)


def test_rates_are_read_from_the_command_line() -> None:
    assert FaultRates.parse("noise=0.5,unplug=0.1,unplug_s=9") == FaultRates(noise=0.5, unplug=0.1, unplug_s=9)
    assert FaultRates.parse("") == FaultRates()


@pytest.mark.parametrize("text", ["fire=1", "noise", "noise=x", "noise=1.5", "cut=-1", "stall_s=-1"])
def test_wrong_rates_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is none of|out of range|convert"):
        FaultRates.parse(text)


@given(st.binary(max_size=50), st.integers(0, 1000))
def test_any_frame_can_be_spoilt(frame: bytes, seed: int) -> None:
    faults = Faults(FaultRates(noise=1, cut=0.5, duplicate=0.5), seed=seed)
    assert 1 <= len(faults.spoil(frame).pieces) <= 2
