"""Runs detectors in children that find everything from outside imported already: half of a short run is imports.

`python -m tests.simulation.planted.nursery MODULE ...` in a copy of the code; the modules are imported once to see what
they need. Then one line of JSON in, {"code", "temporary", "module", "arguments", "timeout_s"}, one out, {"status",
"output"}: the status is the exit code, or null where the child had to be ended.
"""

import gc
import importlib
import json
import os
import resource
import runpy
import select
import signal
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NoReturn

_OURS: Final = ("tests", "tools", "edge", "cloud", "protocols", "firmware_sim")
_MOST_BYTES: Final = 3 * 1024**3
_KEPT_BYTES: Final = 20_000
_CRASHED: Final = 70


def main(modules: Sequence[str]) -> None:
    """Serve until the input ends."""
    _preload(modules)
    gc.collect()
    gc.freeze()
    for line in sys.stdin:
        print(json.dumps(_serve(json.loads(line))), flush=True)  # noqa: T201 - the answer


def _serve(asked: dict[str, Any]) -> dict[str, Any]:
    handle, name = tempfile.mkstemp(prefix="said-", dir=asked["temporary"])
    os.close(handle)
    said = Path(name)
    pid = os.fork()
    if pid == 0:
        _play(asked, said)
    watch = os.pidfd_open(pid)
    try:
        ended, _, _ = select.select([watch], [], [], asked["timeout_s"])
    finally:
        os.close(watch)
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    output = said.read_bytes()[-_KEPT_BYTES:].decode(errors="replace")
    said.unlink()
    return {"status": os.waitstatus_to_exitcode(status) if ended else None, "output": output}


def _play(asked: dict[str, Any], said: Path) -> NoReturn:
    """In the child: become the process that `python -m` would have made."""
    status = _CRASHED
    try:
        os.setsid()
        resource.setrlimit(resource.RLIMIT_AS, (_MOST_BYTES, _MOST_BYTES))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        file = os.open(said, os.O_WRONLY)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(file, 1)
        os.dup2(file, 2)
        tempfile.tempdir = asked["temporary"]
        _move_to(asked["code"])
        sys.argv = [asked["module"], *asked["arguments"]]
        runpy.run_module(asked["module"], run_name="__main__", alter_sys=True)
        status = 0
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException as error:  # noqa: BLE001 - whatever it is ends this child and is told
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
    finally:
        with suppress(BaseException):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


def _move_to(code: str) -> None:
    """Our own packages come from that copy, and none is imported yet."""
    here = str(Path.cwd())
    os.chdir(code)
    sys.path[:] = [code + path[len(here) :] if path.startswith(here) else path for path in sys.path]
    for name in [name for name in sys.modules if name.split(".")[0] in _OURS]:
        del sys.modules[name]
    importlib.invalidate_caches()


def _preload(modules: Sequence[str]) -> None:
    """A child imports the modules and says what that brought; the same is then imported here, but for what is ours."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        with suppress(BaseException):
            for module in modules:
                importlib.import_module(module)
        with os.fdopen(writer, "w") as pipe:
            pipe.write("\n".join(sys.modules))
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        names = pipe.read().split("\n")
    os.waitpid(pid, 0)
    for name in names:
        if name.split(".")[0] not in _OURS and name != "__main__":
            with suppress(Exception):
                importlib.import_module(name)


if __name__ == "__main__":
    main(sys.argv[1:])
