import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.transports.memory import MemoryHub
from edge.transports.opening import open_transport


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("tcp://127.0.0.1:6000", "tcp://127.0.0.1:6000"),
        ("serial:///dev/ttyUSB0", "serial:///dev/ttyUSB0?baud=9600"),
        ("serial:///dev/ttyUSB0?baud=57600&parity=E&data_bits=7", "serial:///dev/ttyUSB0?baud=57600"),
    ],
)
def test_urls_of_the_settings_become_transports(url: str, shown: str) -> None:
    assert open_transport(url).url == shown


def test_memory_links_need_a_hub() -> None:
    hub = MemoryHub()
    assert open_transport("memory://till", hub=hub) is hub.link("till").host
    with pytest.raises(ValueError, match="expected tcp"):
        open_transport("memory://till")


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("", "expected tcp"),
        ("http://host:1", "expected tcp"),
        ("tcp://host", "expected tcp://host:port"),
        ("tcp://host:99999", "expected tcp://host:port"),
        ("serial://ttyUSB0", "expected serial"),
        ("serial:///dev/ttyUSB0?speed=9600", "'speed' is none of"),
        ("serial:///dev/ttyUSB0?baud=fast", "baud 'fast' is none of"),
    ],
)
def test_a_wrong_url_names_what_is_wrong(url: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        open_transport(url)


@given(st.text(max_size=40))
def test_arbitrary_text_is_a_transport_or_a_value_error(text: str) -> None:
    for url in (text, "tcp://" + text, "serial:///" + text):
        try:
            assert open_transport(url).url
        except ValueError:
            continue
