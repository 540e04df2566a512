"""The recognition networks of `make run`: asked for once at each start, and gone without where they cannot be had."""

import subprocess

from tools.environment import PYTHON, ROOT, clean_environment

STORE = ROOT / "var" / "models"
FILE_TIMEOUT_S = 4.0
TIMEOUT_S = 60.0


def fetch() -> str:
    """Fetch what is missing; answers the sentence for the screen, which says what is done without the rest."""
    command = [str(PYTHON), "-m", "models", "--store", str(STORE), "fetch", "--timeout", str(FILE_TIMEOUT_S)]
    try:
        done = subprocess.run(
            command, cwd=ROOT, env=clean_environment(), capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        return _without("they take too long to arrive")
    if done.returncode == 0:
        return "there"
    missing = [line.partition(":")[0] for line in done.stderr.splitlines() if line.strip()]
    have = sum(line.endswith(": there") or ": stored at " in line for line in done.stdout.splitlines())
    return _without(f"{', '.join(missing)} cannot be had now", have=have)


def _without(why: str, *, have: int = 0) -> str:
    return (
        f"{have} there; {why}. 缺少的网络以后再取：没有人脸网络时不能刷脸，菜品用自带的小网络识别 / "
        "without face networks nobody pays by face, dishes are told by our own small network; "
        "`python -m models fetch --from DIR` takes them from a folder"
    )
