"""Receipts on paper: what stands on them, and what a printer without paper costs nobody."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from edge.stations.canteen import printing
from edge.stations.canteen.printing import PrintQueue
from tests.support.canteen import PLATE_LANE, HandPrinter, canteen_at, until
from tests.support.checkout import dish, paid

pytestmark = pytest.mark.capability("SET-11")


@asynccontextmanager
async def running(queue: PrintQueue) -> AsyncIterator[PrintQueue]:
    task = asyncio.create_task(queue.run())
    try:
        yield queue
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_a_receipt_names_the_meal_the_money_and_the_chain(tmp_path: Path) -> None:
    async with canteen_at(tmp_path) as station:
        receipt = await paid(station.desk, dish(900, 2), dish(100, 1))
        document = station.desk.paper(receipt, PLATE_LANE, copy=False)
        rows = {line.text: line.right for line in document.lines}
        assert rows["红烧肉"] == "￥9.00"
        assert rows["合计"] == "￥10.00"
        assert rows["现金"] == "￥10.00"
        text = "\n".join(rows)
        assert receipt.number in text
        assert receipt.mark in text
        assert "张1*" in text
        assert "副本" not in text
        assert "¥" not in "".join([*rows, *rows.values()])
        copy = station.desk.paper(receipt, PLATE_LANE, copy=True)
        assert any("副本" in line.text for line in copy.lines)


async def test_without_paper_receipts_wait_in_order_and_are_printed_when_it_is_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(printing, "_TRY_AGAIN_S", 0.01)
    async with canteen_at(tmp_path) as station:
        receipt = await paid(station.desk, dish(900))
        documents = [station.desk.paper(receipt, PLATE_LANE, copy=bool(n)) for n in range(2)]
        printer = HandPrinter("printer")
        printer.paper = False
        async with running(PrintQueue(printer)) as queue:
            for document in documents:
                queue.put(document)
            await until(lambda: queue.trouble == "paper_out")
            assert (queue.waiting, printer.printed) == (2, [])
            printer.paper = True
            await until(lambda: queue.waiting == 0)
            assert printer.printed == documents
            assert queue.trouble == ""


async def test_a_printer_away_for_long_holds_a_bounded_number_of_receipts(tmp_path: Path) -> None:
    async with canteen_at(tmp_path) as station:
        receipt = await paid(station.desk, dish(900))
        queue = PrintQueue(HandPrinter("printer"))
        for _ in range(80):
            queue.put(station.desk.paper(receipt, PLATE_LANE, copy=False))
        assert queue.waiting == 50
