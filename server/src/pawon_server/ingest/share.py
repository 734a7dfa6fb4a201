"""One worker's share of a kitchen, where several workers share a store: which gateways it takes, which duties are its.

Everything here happens in the transaction that commits the worker's group, after ``take_turn``: while that lasts nobody
else writes for the kitchen, so what this worker holds at its beginning it still holds at its commit. Time decides only
when somebody else may *take* a lease, by the database's clock; it never decides who may write.

``divide`` is pure: rows come in, what to take and to give back comes out.
"""

from __future__ import annotations

import os
import secrets
import socket
import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, delete, false, select

from ..store import postgresql
from ..store.rows import add_rows
from ..store.tables import lease
from ..store.turn import DUTY, GATEWAY, WORKER, take_turn

# How long the gateways of a worker that was killed wait for another one; a gateway itself waits as long for an answer.
LEASE_MS = 10_000
# A lease is renewed when less than this is left: a worker that looks every second may miss several times.
RENEW_BELOW_MS = 7_000
KINDS = (WORKER, GATEWAY, DUTY)
# What one worker does for the whole kitchen.
ALERTS, EXPORT = "alerts", "export"

Key = tuple[str, str]  # kind and name


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """A row: who may do what, until when by the database's clock."""

    kind: str
    name: str
    worker: str
    until_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Division:
    """What is a worker's now, of that what it takes newly, and what of it ends with this transaction."""

    held: frozenset[Key]
    taken: frozenset[Key]
    given: frozenset[Key]


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What a worker may do in this transaction. ``anew``: what it remembers of the store may be out of date."""

    gateways: frozenset[str]
    anew: bool
    kept: frozenset[Key]
    until_s: float


def name_worker() -> str:
    """A name for this run of the program, for people too: machine, process, chance."""
    return f"{socket.gethostname()[:30]}-{os.getpid()}-{secrets.token_hex(3)}"


def divide(
    rows: Iterable[Lease], *, worker: str, gateways: Collection[str], duties: Collection[str], now_ms: int
) -> Division:
    """The fair share: with n living workers nobody holds more than a n-th of the gateways, rounded up; a duty stays
    with whoever has it. What is free, or held by nobody who lives, may be taken."""
    living, mine, others = {worker}, set[Key](), set[Key]()
    for row in rows:
        key = (row.kind, row.name)
        if row.kind == WORKER and row.until_ms > now_ms:
            living.add(row.name)
        elif row.worker == worker:
            mine.add(key)
        elif row.until_ms > now_ms:
            others.add(key)
    fair = -(-len(gateways) // len(living))
    wanted = {(GATEWAY, name) for name in gateways}
    held = sorted(key for key in mine if key in wanted)
    free = sorted(wanted - others - set(held))
    taken = set(free[: max(0, fair - len(held))])
    given = set(held[fair:]) | {key for key in mine if key[0] == GATEWAY and key not in wanted}
    for duty in duties:
        if (DUTY, duty) not in others | mine:
            taken.add((DUTY, duty))
    keys = (mine & wanted) | {key for key in mine if key[0] == DUTY} | taken
    return Division(held=frozenset(keys), taken=frozenset(taken), given=frozenset(given))


def _clock_s() -> float:
    """Goes on while the machine sleeps, as the database's clock does."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Share:
    """``begin`` is the first thing in each of the writer's transactions, ``committed`` follows the commit.

    ``told`` hears which gateways are this worker's whenever that has changed. ``has`` may be asked from any thread.
    """

    def __init__(
        self, kitchen: str, worker: str, gateways: Collection[str], duties: Collection[str],
        told: Callable[[frozenset[str]], None] = lambda _: None, clock_s: Callable[[], float] = _clock_s,
        utc_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:  # fmt: skip
        self._kitchen, self.worker, self._gateways, self._duties = kitchen, worker, frozenset(gateways), duties
        self._told, self._clock_s, self._utc_ms = told, clock_s, utc_ms
        # How far this machine's clock was ahead of the database's. No lease rests on it, but what is fresh does: one
        # worker stamps what another one shows.
        self.ahead_ms = 0
        # Of these gateways the memory of the projections is what is committed: held without a break since it was read.
        self._known: frozenset[str] | None = None
        # As of the last commit; replaced as a whole, for other threads read it.
        self._has: tuple[frozenset[Key], float] = (frozenset(), 0.0)

    @property
    def gateways(self) -> frozenset[str]:
        """The gateways of this worker, as of its last commit."""
        return frozenset(name for kind, name in self._has[0] if kind == GATEWAY)

    def has(self, duty: str) -> bool:
        """Whether a duty is this worker's alone, right now: a worker that was paused finds that its time is over."""
        keys, until_s = self._has
        return (DUTY, duty) in keys and self._clock_s() < until_s

    def begin(self, connection: Connection) -> Turn:
        """Take the turn, and see what is this worker's."""
        began_s = self._clock_s()
        take_turn(connection, self._kitchen)
        now_ms = postgresql.now_ms(connection)
        self.ahead_ms = self._utc_ms() - now_ms
        rows = [
            Lease(kind=row.kind, name=row.name, worker=row.worker, until_ms=row.until_ms)
            for row in connection.execute(
                select(lease).where(lease.c.kitchen == self._kitchen, lease.c.kind.in_(KINDS))
            )
        ]
        share = divide(rows, worker=self.worker, gateways=self._gateways, duties=self._duties, now_ms=now_ms)
        kept = share.held - share.given
        until_ms = min((row.until_ms for row in rows if row.worker == self.worker), default=0)
        until_s = self._has[1]
        if share.taken or share.given or until_ms < now_ms + RENEW_BELOW_MS:
            self._write(connection, kept, now_ms)
            # From before the question: by this worker's clock a lease never lasts longer than by the database's.
            until_s = began_s + LEASE_MS / 1000
        gateways = frozenset(name for kind, name in share.held if kind == GATEWAY)
        newly = {name for kind, name in share.taken if kind == GATEWAY}
        return Turn(
            gateways=gateways, anew=self._known is None or bool(newly) or not gateways <= self._known,
            kept=kept, until_s=until_s,
        )  # fmt: skip

    def committed(self, turn: Turn) -> None:
        """The transaction of ``turn`` is durable."""
        before = None if self._known is None else self.gateways
        self._has = (turn.kept, turn.until_s)
        self._known = self.gateways
        if self._known != before:
            self._told(self._known)

    def forget(self) -> None:
        """A transaction failed, or nobody knows whether it did: what is remembered is read again in the next one."""
        self._known = None

    def give_back(self, connection: Connection) -> None:
        """A clean end: others need not wait until the leases run out."""
        take_turn(connection, self._kitchen)
        self._delete(connection, false())
        self._has = (frozenset(), 0.0)

    def _write(self, connection: Connection, keys: frozenset[Key], now_ms: int) -> None:
        self._delete(connection, lease.c.until_ms <= now_ms)
        mine = [*sorted(keys), (WORKER, self.worker)]
        until_ms = now_ms + LEASE_MS
        add_rows(connection, lease, [(self._kitchen, kind, name, self.worker, until_ms) for kind, name in mine])

    def _delete(self, connection: Connection, too: ColumnElement[bool]) -> None:
        """Every lease of this worker, and ``too``."""
        ours = (lease.c.kitchen == self._kitchen) & lease.c.kind.in_(KINDS)
        connection.execute(delete(lease).where(ours, (lease.c.worker == self.worker) | too))
