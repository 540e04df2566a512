"""Sheets that people fill in (staff lists, subsidies): xlsx or csv, bounded, read as text."""

import csv
import io
import zipfile
from collections.abc import Iterable
from typing import Any, Final

import openpyxl

from cloud.core.errors import Malformed, TooLarge

ROWS_MOST: Final = 50_000
_CELL_MOST: Final = 200
_UNPACKED_MOST: Final = 64 * 1024 * 1024


def read_table(content: bytes) -> list[list[str]]:
    """Cells of the first sheet as text. Raises Malformed for what is neither xlsx nor csv, TooLarge past the bounds."""
    rows = _xlsx(content) if content.startswith(b"PK") else _csv(content)
    table: list[list[str]] = []
    for row in rows:
        table.append(["" if cell is None else str(cell).strip()[:_CELL_MOST] for cell in row[:20]])
        if len(table) > ROWS_MOST + 1:
            raise TooLarge(f"a file has at most {ROWS_MOST} rows")
    return table


def _xlsx(content: bytes) -> Iterable[tuple[Any, ...]]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            unpacked = sum(part.file_size for part in archive.infolist())
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise Malformed("this is no readable xlsx workbook") from error
    if unpacked > _UNPACKED_MOST:
        raise TooLarge("the workbook unpacks to too much")
    try:
        book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True)
        yield from book.worksheets[0].iter_rows(max_row=ROWS_MOST + 2, max_col=20, values_only=True)
    except Exception as error:  # the reader raises whatever its parsers raise on broken files
        raise Malformed("this is no readable xlsx workbook") from error


def _csv(content: bytes) -> Iterable[list[str]]:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = content.decode(encoding)
            break
        except UnicodeDecodeError:
            continue
    else:
        raise Malformed("the file is neither UTF-8 nor GB18030")
    if "\0" in text:
        raise Malformed("this is neither csv nor xlsx")
    try:
        yield from csv.reader(io.StringIO(text))
    except csv.Error as error:
        raise Malformed(f"this is no csv: {error}") from error
