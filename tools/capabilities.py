"""`make docs`: docs/capabilities.md from docs/capabilities.toml and the tests that carry each row's id."""

import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from tools.environment import ROOT
from tools.marks import Promise, promises

CATALOGUE = ROOT / "docs" / "capabilities.toml"
PAGE = ROOT / "docs" / "capabilities.md"
WHERE = {"E": "edge", "C": "cloud", "W": "web", "M": "mobile", "K": "kiosk"}
HEAD = """\
# What the product does, and the tests that show it

Made by `make docs` from `docs/capabilities.toml` and the marks of the tests; do not edit it by hand. A row is **done**
when a person can do it in the product, it survives the faults the design names, and tests show it; **part** when
tests show some of it; **not yet** without tests. Where: edge terminal (works with the network down), cloud core, web
console, mobile app, kiosk screen.
"""


def main() -> int:
    """Write the page with `--write`; without it answer 1 where the page is not what it should be."""
    text = page(rows(), promises())
    if "--write" in sys.argv:
        PAGE.write_text(text, encoding="utf-8")
        return 0
    return 0 if PAGE.exists() and PAGE.read_text(encoding="utf-8") == text else 1


def rows() -> list[dict[str, Any]]:
    """The catalogue: `id`, `area`, `text`, `where`, and maybe `done` and `without`."""
    found: list[dict[str, Any]] = tomllib.loads(CATALOGUE.read_text(encoding="utf-8"))["row"]
    return found


def state_of(row: dict[str, Any], tests: list[Promise]) -> str:
    """`done`, `part` or `not yet`, by the rule at the head of the page."""
    if not tests:
        return "not yet"
    return "done" if row.get("done") else "part"


def page(catalogue: list[dict[str, Any]], found: Iterable[Promise]) -> str:
    """The whole page as text."""
    by_id: dict[str, list[Promise]] = defaultdict(list)
    for promise in found:
        if promise.kind == "capability":
            by_id[promise.id].append(promise)
    states = [state_of(row, by_id[row["id"]]) for row in catalogue]
    counts = ", ".join(f"{states.count(state)} {state}" for state in ("done", "part", "not yet"))
    out = [HEAD, f"{len(catalogue)} rows: {counts}.", ""]
    area = ""
    for row, state in zip(catalogue, states, strict=True):
        if row["area"] != area:
            area = row["area"]
            out += [f"\n## {area}\n", "| id | capability | where | state | shown by |", "|---|---|---|---|---|"]
        out.append(_line(row, state, by_id[row["id"]]))
    return "\n".join(out).replace("\n\n\n", "\n\n") + "\n"


def _line(row: dict[str, Any], state: str, tests: list[Promise]) -> str:
    lacking = f" Still without: {row['without']}" if row.get("without") and state != "done" else ""
    where = ", ".join(WHERE[letter] for letter in row["where"].split())
    files = "<br>".join(f"[{file.removeprefix('tests/')}](../{file})" for file in sorted({each.file for each in tests}))
    return f"| {row['id']} | {row['text']}{lacking} | {where} | {state} | {files} |"


if __name__ == "__main__":
    sys.exit(main())
