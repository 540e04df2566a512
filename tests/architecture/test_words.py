"""Words and addresses that no file of ours may hold."""

import re
from pathlib import Path

import pytest

from tests.support.tree import files, name_of

BINARY = {".png", ".jpg", ".jpeg", ".ico", ".woff2", ".pyc", ".db", ".bin", ".gz"}
REGISTRIES = re.compile(
    r"registry\.npm|npmjs\.(org|com)|npmmirror|registry\.yarnpkg|(?<!\w)pypi\.(org|tuna)|pythonhosted\.org"
    r"|mirrors\.(aliyun|tuna)|simple/?\s--|index-url\s*=|extra-index-url\s*="
)
MACHINE_PATHS = re.compile(r"""(?<![\w.~-])/(work|root|home/\w+|opt/py\w*|Users/\w+)/""")
UNFINISHED = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X|HACK|for n" + r"ow|not impl" + r"emented)\b")


def lines_with(pattern: re.Pattern[str], *suffixes: str) -> list[str]:
    found = []
    for path in files(*suffixes):
        if path.suffix in BINARY or path == Path(__file__):
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        found += [
            f"{name_of(path)}:{text.count(chr(10), 0, hit.start()) + 1} {hit[0]}" for hit in pattern.finditer(text)
        ]
    return found


def test_no_file_names_a_package_registry() -> None:
    found = lines_with(REGISTRIES)
    assert not found, "a registry is the choice of each machine's own pip and npm settings:\n" + "\n".join(found)


def test_no_file_names_a_path_of_one_machine() -> None:
    found = lines_with(MACHINE_PATHS)
    assert not found, "take the path from a setting, an argument or the file's own place:\n" + "\n".join(found)


@pytest.mark.parametrize("suffixes", [(".py",), (".ts", ".vue"), (".sql", ".css"), (".md", ".toml")])
def test_nothing_is_left_for_later(suffixes: tuple[str, ...]) -> None:
    found = lines_with(UNFINISHED, *suffixes)
    assert not found, "do it, or say in the documentation what the product does instead:\n" + "\n".join(found)
