"""Puts the tables of an evaluation into the model cards, between marks, so that no figure there is typed.

A card holds `<!-- begin faces: Title -->` and `<!-- end -->`; what lies between is replaced by the table of that
evaluation whose title begins so.
"""

import re
from pathlib import Path

_MARK = re.compile(r"(<!-- begin (\w+): (.+?) -->\n).*?(<!-- end -->)", re.DOTALL)
_SECTION = re.compile(r"^## (.+?)\n\n(.+?)(?=\n\n## |\n\n!\[|\Z)", re.DOTALL | re.MULTILINE)


def fill_cards(folder: Path, evaluation: str, report: Path) -> list[Path]:
    """Renew every card of a folder that names this evaluation; answers those that changed. Unknown titles stay."""
    sections = dict(_SECTION.findall(report.read_text(encoding="utf-8")))
    changed = []
    for card in sorted(folder.glob("*.md")):
        text = card.read_text(encoding="utf-8")

        def renewed(mark: re.Match[str]) -> str:
            title = next((each for each in sections if each.startswith(mark[3])), None)
            if mark[2] != evaluation or title is None:
                return mark[0]
            return f"{mark[1]}\n*{title}*\n\n{sections[title].strip()}\n\n{mark[4]}"

        filled = _MARK.sub(renewed, text)
        if filled != text:
            card.write_text(filled, encoding="utf-8")
            changed.append(card)
    return changed
