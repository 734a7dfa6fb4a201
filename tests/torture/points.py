"""Named points of the road at which a program kills itself: between two steps that only a crash can part.

A point wraps one function of the program that runs in this process, before or after it; production code knows nothing
of it. ``arm`` counts passings and ends the process at the n-th, with SIGKILL: nothing is flushed, closed or said.
"""

from __future__ import annotations

import functools
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
from sqlalchemy import Engine, event

from pawon_edge.spool import Spool
from pawon_edge.uplink.publisher import Publisher
from pawon_server.alerting.sender import LogChannel
from pawon_server.ingest.acceptance import Acceptance
from pawon_server.ingest.subscriber import Subscriber
from pawon_server.ingest.writer import Writer
from pawon_server.server import Server
from pawon_server.store import database

# name -> (owner, function, whether the process dies before or after it)
GATEWAY: dict[str, tuple[type, str, str]] = {
    "spool commit | publish": (Spool, "append", "after"),
    "publish | PUBACK": (Publisher, "_send_batch", "after"),
    "PUBACK | answer": (mqtt.Client, "_handle_pubackcomp", "after"),
    "answer | confirm": (Spool, "confirm", "before"),
    "confirm | prune": (Spool, "prune", "before"),
}
SERVER: dict[str, tuple[type, str, str]] = {
    "message | transaction": (Acceptance, "incoming", "before"),
    "projected | commit": (Acceptance, "flush", "after"),
    "server commit | answer": (Writer, "_tell", "before"),
    "answer | its sending": (Subscriber, "answer", "after"),
    "answer | display push": (Server, "_changed", "before"),
    "alert sent | its entry": (LogChannel, "send", "after"),
}
# These two are reached by other ways: SQLite's own writes into the database file, and the statements of a migration.
CHECKPOINT, MIGRATION = "in a checkpoint", "in a migration"
# Passed once in seconds, not many times a second.
RARE = frozenset({"alert sent | its entry"})
POINTS = {"gateway": [*GATEWAY, CHECKPOINT], "server": [*SERVER, CHECKPOINT]}


def die() -> None:
    """The end, as the power switch makes it."""
    os.kill(os.getpid(), signal.SIGKILL)


def countdown(passing: int) -> Callable[[], None]:
    """Dies at the n-th call."""
    left = passing

    def passed() -> None:
        nonlocal left
        left -= 1
        if left <= 0:
            die()

    return passed


def arm(point: str, passing: int) -> None:
    """Make this process die at the n-th passing of ``point``. ``CHECKPOINT`` is armed on the disk instead."""
    passed = countdown(passing)
    if point == MIGRATION:
        _arm_migration(passed)
    elif point != CHECKPOINT:
        wrap(*(GATEWAY | SERVER)[point], passed)


def wrap(owner: type, name: str, when: str, passed: Callable[[], None]) -> None:
    """Call ``passed`` before or after each call of a method."""
    whole = getattr(owner, name)

    @functools.wraps(whole)
    def wrapped(*arguments: Any, **options: Any) -> Any:
        if when == "before":
            passed()
        answer = whole(*arguments, **options)
        if when == "after":
            passed()
        return answer

    setattr(owner, name, wrapped)


def _arm_migration(passed: Callable[[], None]) -> None:
    whole = database.migrate

    def migrate(engine: Engine) -> None:
        event.listen(engine, "before_cursor_execute", lambda *_: passed())
        event.listen(engine, "commit", lambda *_: passed())
        whole(engine)

    database.migrate = migrate


def in_checkpoint(path: Path, passing: int) -> Callable[[str, str], int]:
    """For ``Disk.fault``: dies at the n-th write into the database file itself, which only a checkpoint makes."""
    passed = countdown(passing)

    def fault(kind: str, file: str) -> int:
        if kind == "write" and file == str(path):
            passed()
        return 0

    return fault
