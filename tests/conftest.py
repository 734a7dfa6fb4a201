"""In which order the tests run, and which of them never run beside each other when several processes share them.

Says nothing about what any test does; a test must also pass alone, and in one process with all others.
"""

from __future__ import annotations

import gc

import pytest
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadFileScheduling

# How long an example takes says how busy the machine is, nothing about a promise.
settings.register_profile("pawon", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("pawon")

# Every application a test builds leaves some ten thousand objects in the caches of the libraries. Walking through all
# of them costs a second, so it is done between two tests, where no transaction waits for it, and not so often.
GENERATIONS_KEPT = 300
gc.set_threshold(*gc.get_threshold()[:2], 1_000_000)


@pytest.hookimpl(trylast=True)
def pytest_runtest_logfinish() -> None:
    """After a test."""
    if gc.get_count()[2] >= GENERATIONS_KEPT:
        gc.collect()


def pytest_collection_finish() -> None:
    """The programs and the tests themselves stay to the end: they are looked at no more."""
    gc.freeze()


class FileByFile(LoadFileScheduling):
    """A file stays in one process, so that what it starts for all its tests is started once.

    System tests start several programs each and watch how they keep time: they all are one unit, one after another.
    """

    def _split_scope(self, nodeid: str) -> str:
        return "tests/system" if nodeid.startswith("tests/system/") else str(super()._split_scope(nodeid))


@pytest.hookimpl(optionalhook=True)  # so that -p no:xdist works too
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> FileByFile | None:
    """Used with ``--dist loadfile``."""
    return FileByFile(config, log) if config.getvalue("dist") == "loadfile" else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What waits longest begins first, so that no process ends long after the others."""
    items.sort(key=lambda item: [item.get_closest_marker(name) is None for name in ("system", "browser", "long")])
