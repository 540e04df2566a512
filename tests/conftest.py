"""Rules for every test: what it needs is there or is named, serial tests run last and alone, chance is bounded."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.support import parts
from tests.support.schedule import FileScheduling, serial_last

settings.register_profile(
    "quartermaster", deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("quartermaster")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests marked serial come last."""
    serial_last(items)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> FileScheduling:
    """A file stays on one worker, for its shared fixtures; serial files follow one by one."""
    return FileScheduling(config, log)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip by name what this machine cannot run; under CI=true that is a failure."""
    for mark in item.iter_markers("needs"):
        parts.check(*mark.args, strict=os.environ.get("CI") == "true")


@pytest.fixture(autouse=True, scope="session")
def _plain_locale() -> Iterator[None]:
    """Programs that tests start answer in the same language on every machine."""
    before = os.environ.get("LC_ALL")
    os.environ["LC_ALL"] = "C.UTF-8"
    yield
    if before is None:
        del os.environ["LC_ALL"]
    else:
        os.environ["LC_ALL"] = before
