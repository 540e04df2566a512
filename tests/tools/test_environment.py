import sys
import textwrap
from pathlib import Path

import pytest

from tools import environment
from tools.steps import StepError, call, guarded, run_steps


def test_a_step_names_itself_and_its_word(capsys: pytest.CaptureFixture[str]) -> None:
    run_steps([("first thing", lambda: "there"), ("second thing", lambda: "")])
    assert capsys.readouterr().out == "1/2 first thing ... there\n2/2 second thing ... 0 s\n"


def test_a_failed_step_is_a_sentence_and_status_one(capsys: pytest.CaptureFixture[str]) -> None:
    def broken() -> str:
        message = "the disk is full"
        raise StepError(message)

    def main() -> int:
        run_steps([("only thing", broken)])
        return 0

    assert guarded(main) == 1
    captured = capsys.readouterr()
    assert captured.out == "1/1 only thing ... failed\n"
    assert captured.err == "\nthe disk is full\n"


def test_the_end_of_a_programs_output_is_shown_with_the_remedy(tmp_path: Path) -> None:
    script = "import sys; print('line one'); sys.exit(3)"
    with pytest.raises(StepError, match=r"(?s)line one.*ended with 3\. Try again"):
        call([sys.executable, "-c", script], folder=tmp_path, timeout_s=30, extra={}, remedy="Try again.")


def test_a_stamp_changes_with_any_file(tmp_path: Path) -> None:
    lock = tmp_path / "run.txt"
    lock.write_text("a==1\n")
    stamp = tmp_path / "stamps" / "run"
    before = environment.digest([lock])
    environment.write_stamp(stamp, before)
    assert environment.is_stamped(stamp, environment.digest([lock]))
    lock.write_text("a==2\n")
    assert not environment.is_stamped(stamp, environment.digest([lock]))


def test_an_unwritable_home_gets_a_cache_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "missing"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    home = Path(environment.clean_environment()["HOME"])
    assert home.is_dir()
    assert home.parent == tmp_path


def test_an_old_node_is_not_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    node = tmp_path / "node"
    node.write_text(
        textwrap.dedent("""\
        #!/bin/sh
        echo v18.19.0
        """)
    )
    node.chmod(0o755)
    (tmp_path / "npm").symlink_to(node)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(environment, "WHEEL_NODE", tmp_path / "no-wheel")
    assert environment.find_node() is None


def test_interruption_is_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    def main() -> int:
        raise KeyboardInterrupt

    assert guarded(main) == 130
    assert "Traceback" not in capsys.readouterr().err
