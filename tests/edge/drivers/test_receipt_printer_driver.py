"""The printer's driver against the simulated printer: what the paper shows, and what the person is told."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.drivers.base import Printer, ProtocolError, ReceiptDocument, ReceiptLine, Refused, Unavailable
from edge.drivers.receipt_printer import layout, status
from edge.drivers.registry import make_driver
from edge.transports.memory import MemoryHub
from tests.support.devices import driver_context, running

RECEIPT = ReceiptDocument(
    lines=(
        ReceiptLine("第一食堂", align="center", scale=2),
        ReceiptLine("红烧肉", right="￥12.00"),
        ReceiptLine("合计", right="￥12.00", bold=True),
    )
)

pytestmark = pytest.mark.capability("SET-11")


def printer_at(url: str, hub: MemoryHub | None = None, **settings: object) -> Printer:
    quick = {"url": url, "status_timeout_s": 0.3, "print_timeout_s": 0.5}
    found = make_driver("receipt_printer", quick | settings, driver_context(hub=hub))
    assert isinstance(found, Printer)
    return found


async def test_a_receipt_comes_out_as_written_with_amounts_flush_right() -> None:
    async with running("receipt_printer") as device:
        printer = printer_at(device.address)
        await printer.print_receipt(RECEIPT)
        (paper,) = (await device.act({"receipts": 1}))["receipts"]
        await printer.close()
    lines = paper.split("\n")
    assert lines[0] == "第一食堂"
    assert lines[1] == "红烧肉" + " " * 19 + "￥12.00"
    assert all(layout.width(line) == 32 for line in lines[1:])


async def test_half_width_yuan_is_printed_full_width_and_unprintable_characters_vanish() -> None:
    async with running("receipt_printer") as device:
        printer = printer_at(device.address)
        await printer.print_receipt(ReceiptDocument(lines=(ReceiptLine("¥1\x1b@\x00x𠮷"),), qr="QMSABC"))
        (paper,) = (await device.act({"receipts": 1}))["receipts"]
        await printer.close()
    assert paper == "￥1 @ x𠮷\n[QR QMSABC]"


@pytest.mark.parametrize(
    ("trouble", "mended", "reason"),
    [
        ({"paper": False}, {"paper": True}, "paper_out"),
        ({"cover": "open"}, {"cover": "closed"}, "cover_open"),
    ],
)
async def test_a_printer_in_trouble_refuses_before_printing_and_prints_once_mended(
    trouble: dict[str, object], mended: dict[str, object], reason: str
) -> None:
    async with running("receipt_printer") as device:
        printer = printer_at(device.address)
        await device.act(trouble)
        assert not (await printer.status()).ready
        with pytest.raises(Refused) as refused:
            await printer.print_receipt(RECEIPT)
        assert (refused.value.reason, refused.value.detail) == (reason, "before")
        await device.act(mended)
        await printer.print_receipt(RECEIPT)
        assert (await device.act({"receipts": 9}))["printed"] == 1
        await printer.close()


async def test_paper_that_ends_in_the_middle_is_told_as_after() -> None:
    async with running("receipt_printer", options={"paper_lines": 2}) as device:
        printer = printer_at(device.address)
        with pytest.raises(Refused) as refused:
            await printer.print_receipt(RECEIPT)
        assert (refused.value.reason, refused.value.detail) == ("paper_out", "after")
        await printer.close()


async def test_an_unplugged_printer_is_unavailable_and_prints_when_back() -> None:
    async with running("receipt_printer") as device:
        printer = printer_at(device.address)
        await printer.status()
        await device.act({"plugged": False})
        with pytest.raises(Unavailable):
            await printer.print_receipt(RECEIPT)
        await device.act({"plugged": True})
        await printer.print_receipt(RECEIPT)
        assert (await device.act({"receipts": 9}))["printed"] == 1
        await printer.close()


async def test_a_silent_printer_is_unavailable_in_time() -> None:
    async with running("receipt_printer") as device:
        printer = printer_at(device.address)
        await device.act({"stall_s": 1})
        async with asyncio.timeout(0.9):
            with pytest.raises(Unavailable):
                await printer.status()
        await printer.close()


async def test_a_device_that_answers_nonsense_is_a_protocol_error_with_its_bytes() -> None:
    hub = MemoryHub()
    link = hub.link("printer")
    await link.device.open(timeout_s=1)
    printer = printer_at("memory://printer", hub)
    asking = asyncio.create_task(printer.status())
    await link.device.read(timeout_s=1)
    await link.device.write(b"\xff", timeout_s=1)
    with pytest.raises(ProtocolError) as error:
        await asking
    assert error.value.raw == b"\xff"
    await printer.close()


@pytest.mark.parametrize("faults", ["duplicate=1", "noise=0.3", "duplicate=0.5,noise=0.2"])
async def test_faults_on_the_wire_end_as_printed_or_in_an_error_of_the_driver(faults: str) -> None:
    async with running("receipt_printer", faults=faults) as device:
        printer = printer_at(device.address)
        taken = 0
        for _ in range(10):
            try:
                await printer.print_receipt(RECEIPT)
            except (Unavailable, Refused, ProtocolError):
                continue
            taken += 1
        assert (await device.act({"receipts": 0}))["printed"] >= taken
        assert taken > 0
        await printer.close()


async def test_a_model_that_never_confirms_is_asked_only_for_its_status() -> None:
    async with running("receipt_printer") as device:
        printer = printer_at(device.address, confirms=False)
        await printer.print_receipt(RECEIPT)
        await printer.status()
        assert (await device.act({"receipts": 0}))["printed"] == 1
        await printer.close()


async def test_two_receipts_at_once_are_printed_one_after_the_other() -> None:
    async with running("receipt_printer") as device:
        printer = printer_at(device.address)
        await asyncio.gather(*(printer.print_receipt(RECEIPT) for _ in range(3)))
        papers = (await device.act({"receipts": 9}))["receipts"]
        await printer.close()
    assert len(papers) == 3
    assert len(set(papers)) == 1


@pytest.mark.parametrize(
    ("printer", "offline", "paper", "reason"),
    [
        (0x12, 0x12, 0x12, ""),
        (0x1A, 0x16, 0x12, "cover_open"),
        (0x1A, 0x32, 0x7E, "paper_out"),
        (0x1A, 0x52, 0x12, "printer_error"),
        (0x12, 0x12, 0x1E, ""),
    ],
)
def test_documented_status_bits_tell_what_hinders_printing(printer: int, offline: int, paper: int, reason: str) -> None:
    found = status.parse(printer=printer, offline=offline, paper=paper)
    assert status.why_not_ready(found) == reason
    assert found.paper_low == bool(paper & 0x0C)


@given(st.text(max_size=60), st.text(max_size=20), st.integers(16, 48))
def test_any_text_is_rendered_within_the_columns(text: str, right: str, columns: int) -> None:
    document = ReceiptDocument(lines=(ReceiptLine(text, right=right),))
    assert layout.render(document, columns=columns)
    assert all(layout.width(part) <= columns for part in layout.wrap(text, columns))
