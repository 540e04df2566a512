"""Named steps at a terminal: `2/5 Python packages ... 12 s`."""

import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

HEAD_LINES = 15
TAIL_LINES = 20


class StepError(Exception):
    """A step could not be done; the text says why and what the person may do."""


def run_steps(steps: Sequence[tuple[str, Callable[[], str]]], *, quiet: bool = False) -> None:
    """Do the steps in order, each with its time; a step answers a word to show, or "" to show its time.

    Raises StepError from the step that failed, after ending its line.
    """
    for number, (name, action) in enumerate(steps, start=1):
        _say(f"{number}/{len(steps)} {name} ... ", quiet=quiet)
        started_s = time.monotonic()
        try:
            word = action()
        except BaseException:
            _say("failed\n", quiet=quiet)
            raise
        taken = f"{time.monotonic() - started_s:.0f} s"
        _say(f"{word or taken}\n", quiet=quiet)


def call(
    command: Sequence[str | Path], *, folder: Path, timeout_s: float, extra: Mapping[str, str], remedy: str
) -> None:
    """Run a program in silence; on failure raise StepError with the ends of its output and the remedy."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        env=dict(extra),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=timeout_s,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        lines = done.stdout.splitlines()
        if len(lines) > HEAD_LINES + TAIL_LINES:
            lines = [*lines[:HEAD_LINES], "...", *lines[-TAIL_LINES:]]
        said = "\n".join(lines)
        message = f"{said}\n\n{' '.join(str(part) for part in command[:4])} ... ended with {done.returncode}. {remedy}"
        raise StepError(message)


def guarded(main: Callable[[], int]) -> int:
    """Run an entry point: errors of steps become a sentence and status 1, Ctrl-C becomes a quiet status 0."""
    try:
        return main()
    except StepError as error:
        sys.stderr.write(f"\n{error}\n")
    except subprocess.TimeoutExpired as error:
        sys.stderr.write(f"\n{error}\nThe network may be slow: run it again, what is there is kept.\n")
    except KeyboardInterrupt:
        sys.stderr.write("\nstopped; run it again to go on\n")
        return 130
    return 1


def _say(text: str, *, quiet: bool) -> None:
    if not quiet:
        sys.stdout.write(text)
        sys.stdout.flush()
