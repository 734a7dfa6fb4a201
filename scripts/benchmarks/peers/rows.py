"""The rows that every contender gets, and the checker that compares what was accepted with what is stored.

Python's standard library only, and nothing newer than 3.11: it runs in every contender's environment.
A row is known by ``at_ms``, the true time at which it was measured, which never stands still or goes back.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

SENSORS = tuple(f"probe-{n}" for n in range(8))
# A burst after a stall is cut here, as a sampler's would be.
LARGEST_BURST = 200


def now_ms() -> int:
    """Milliseconds since boot, counting sleep: the same in every process."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000


@dataclass(frozen=True)
class Row:
    """One reading. ``payload`` is the same bytes for every contender: those of Pawon's own wire."""

    at_ms: int
    sensor: str
    value: float

    @property
    def payload(self) -> bytes:
        """As JSON."""
        fields = {"k": "reading", "at_ms": self.at_ms, "sensor": self.sensor, "quantity": "temperature_c"}
        return json.dumps({**fields, "value": self.value}, separators=(",", ":")).encode()


def row_of(payload: bytes) -> Row:
    """The row that a payload holds."""
    fields = json.loads(payload)
    return Row(fields["at_ms"], fields["sensor"], fields["value"])


def nth(number: int, at_ms: int) -> Row:
    """The ``number``-th row; consecutive rows of a sensor differ, all are within a chiller's limits."""
    return Row(at_ms, SENSORS[number % len(SENSORS)], round(3 + number % 197 / 100, 2))


class Generator:
    """Rows at ``rate`` a second from ``began_ms`` on; ``due`` gives those that are due by now."""

    def __init__(self, rate: float) -> None:
        self._rate, self._began_ms = rate, now_ms()
        self._made, self._last_ms = 0, 0

    def due(self) -> Iterator[Row]:
        """Rows whose time has come."""
        at_ms = now_ms()
        wanted = int((at_ms - self._began_ms) * self._rate / 1000)
        for _ in range(min(wanted - self._made, LARGEST_BURST)):
            self._last_ms = max(self._last_ms + 1, now_ms())
            yield nth(self._last_ms, self._last_ms)
        self._made = wanted


class Journal:
    """What the generator logs: each row when it is offered and when the contender said that it has it.

    Written with one ``write`` each, so that it is whole whatever becomes of the process."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def offered(self, row: Row) -> None:
        """It was measured and is about to be given."""
        os.write(self._file, b"offered " + row.payload + b"\n")

    def accepted(self, rows: Iterable[Row]) -> None:
        """The contender's own interface said yes."""
        os.write(self._file, b"".join(b"accepted " + row.payload + b"\n" for row in rows))


@dataclass(frozen=True)
class Told:
    """A journal, read: offered rows, and accepted rows in the order of their acceptance."""

    offered: list[Row]
    accepted: list[Row]


def read_journal(path: Path) -> Told:
    """What was offered and accepted so far."""
    offered, accepted = [], []
    for line in path.read_bytes().splitlines() if path.exists() else []:
        kind, _, payload = line.partition(b" ")
        (offered if kind == b"offered" else accepted).append(row_of(payload))
    return Told(offered, accepted)


@dataclass(frozen=True)
class Verdict:
    """Accepted rows against stored ones. ``unacknowledged`` rows (offered, never accepted) do not count as lost;
    ``disordered`` rows were stored behind a later row of their sensor."""

    offered: int
    accepted: int
    lost: int
    doubled: int
    disordered: int
    altered: int
    invented: int
    unacknowledged: int


def check(told: Told, stored: list[Row]) -> Verdict:
    """Compare; ``stored`` in the order of the store."""
    known = {row.at_ms: row for row in told.offered}
    seen: dict[int, Row] = {}
    newest: dict[str, int] = {}
    doubled = disordered = altered = invented = 0
    for row in stored:
        if row.at_ms not in known:
            invented += 1
        elif row.at_ms in seen:
            doubled += 1
        else:
            altered += row != known[row.at_ms]
            disordered += row.at_ms < newest.get(row.sensor, 0)
            newest[row.sensor] = max(row.at_ms, newest.get(row.sensor, 0))
        seen[row.at_ms] = row
    accepted = {row.at_ms for row in told.accepted}
    return Verdict(
        offered=len(known), accepted=len(accepted), lost=len(accepted - seen.keys()), doubled=doubled,
        disordered=disordered, altered=altered, invented=invented, unacknowledged=len(known.keys() - accepted),
    )  # fmt: skip


class Orders:
    """What a program is told by lines on its standard input: ``feed RATE`` and ``hold``."""

    def __init__(self) -> None:
        self._generator: Generator | None = None
        threading.Thread(target=self._listen, daemon=True).start()

    def due(self) -> Iterator[Row]:
        """Rows to offer now."""
        generator = self._generator
        return iter(()) if generator is None else generator.due()

    def _listen(self) -> None:
        for line in sys.stdin:
            word, _, rate = line.strip().partition(" ")
            self._generator = Generator(float(rate)) if word == "feed" else None
