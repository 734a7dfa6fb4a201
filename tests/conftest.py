"""In which order the tests run, and which of them never run beside each other when several processes share them.

Says nothing about what any test does; a test must also pass alone, and in one process with all others.
"""

from __future__ import annotations

import pytest


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long ones first, so that no process ends long after the others; a file stays in one process.

    System tests start a dozen programs each and watch them by the clock: they are one group, one after another.
    """
    items.sort(key=lambda item: [item.get_closest_marker(name) is None for name in ("system", "browser")])
    for item in items:
        group = "system" if item.get_closest_marker("system") is not None else item.nodeid.partition("::")[0]
        item.add_marker(pytest.mark.xdist_group(group))
