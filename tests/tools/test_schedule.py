from pathlib import Path

import pytest

from tests.support import schedule


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(schedule, "ROOT", tmp_path)
    schedule.is_serial.cache_clear()
    (tmp_path / "test_plain.py").write_text("def test_one(): ...\n")
    (tmp_path / "test_alone.py").write_text("pytestmark = " + schedule.MARK + "\n")
    return tmp_path


def test_a_file_is_a_scope_and_all_serial_files_are_one(files: Path) -> None:
    assert schedule.scope_of("test_plain.py::test_one[a::b]") == "test_plain.py"
    assert schedule.scope_of("test_alone.py::TestMany::test_two") == schedule.SERIAL
    assert schedule.scope_of("test_gone.py::test_three") == "test_gone.py"
