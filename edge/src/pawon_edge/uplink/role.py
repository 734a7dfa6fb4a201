"""What a server is to this gateway: the primary decides over the spool, a witness only gets a copy of it.

The primary's word prunes rows, sets the clock, refuses rows and finds a copied card. A witness's word does nothing of
that: it may hold rows back from pruning up to its quota, and what it cannot take becomes a gap for it alone.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol

from pawon_contract import codec
from pawon_contract.messages import Gap

from ..spool import Spool, SpooledRow

log = logging.getLogger(__name__)

# Rows that a witness could not take; the oldest are forgotten and would be offered and refused once more.
MAX_PASSED_OVER = 1_000


class Role(Protocol):
    """How one server's word is used. Every method may raise ``sqlite3.Error``, except ``upto`` and ``server_time``."""

    name: str
    # Whether its finding that the card was copied makes the spool begin anew.
    parts: bool

    def upto(self) -> int:
        """How far it has the spool, as far as this gateway remembers."""
        ...

    def confirmed(self, spool: str, upto: int, *, proven: bool) -> None:
        """It has every row of ``spool`` up to here; ``proven``: it compared them with this card's."""
        ...

    def server_time(self, server_ms: int, sent_ms: int, received_ms: int) -> None:
        """What its clock shows."""
        ...

    def refused(self, spool: str, sequence: int, reason: str, now_ms: int) -> None:
        """It cannot take this row of ``spool``."""
        ...

    def shown(self, rows: list[SpooledRow]) -> list[SpooledRow]:
        """The rows as they are sent to it."""
        ...


class Primary:
    """The kitchen's own server."""

    name = "primary"
    parts = True

    def __init__(self, spool: Spool, on_server_time: Callable[[int, int, int], None]) -> None:
        self._spool, self.server_time = spool, on_server_time

    def upto(self) -> int:
        """See ``Role``."""
        return self._spool.upto

    def confirmed(self, spool: str, upto: int, *, proven: bool) -> None:
        """See ``Role``."""
        self._spool.confirm(upto, proven=proven, spool=spool)
        self._spool.prune()

    def refused(self, spool: str, sequence: int, reason: str, now_ms: int) -> None:
        """A gap takes the row's place, for every server; the row is kept apart."""
        log.error("the server cannot take row %d (%s); it is kept here and a gap is sent for it", sequence, reason)
        self._spool.refuse(sequence, reason, now_ms, spool=spool)

    def shown(self, rows: list[SpooledRow]) -> list[SpooledRow]:
        """As they are."""
        return rows


class Witness:
    """A server that stores, verifies and shows a copy."""

    parts = False

    def __init__(self, name: str, spool: Spool, quota_rows: int) -> None:
        self.name = name
        self._spool, self._quota_rows = spool, quota_rows
        self._passed_over: OrderedDict[tuple[str, int], str] = OrderedDict()
        spool.hold(name, spool.held(name), quota_rows)

    def upto(self) -> int:
        """What was remembered when rows were pruned last; its broker keeps its newest word."""
        return self._spool.held(self.name)

    def confirmed(self, spool: str, upto: int, *, proven: bool) -> None:
        """See ``Role``."""
        if proven:
            self._spool.hold(self.name, upto, self._quota_rows, spool=spool)

    def server_time(self, server_ms: int, sent_ms: int, received_ms: int) -> None:
        """Not believed: one server's clock is enough to be wrong by."""

    def refused(self, spool: str, sequence: int, reason: str, now_ms: int) -> None:
        """It gets a gap; the primary may well take the row."""
        log.error("witness %s cannot take row %d (%s); it gets a gap for it", self.name, sequence, reason)
        self._passed_over[(spool, sequence)] = reason
        while len(self._passed_over) > MAX_PASSED_OVER:
            self._passed_over.popitem(last=False)

    def shown(self, rows: list[SpooledRow]) -> list[SpooledRow]:
        """With gaps for what it could not take."""
        if not self._passed_over:
            return rows
        return [self._gap(row) for row in rows]

    def _gap(self, row: SpooledRow) -> SpooledRow:
        reason = self._passed_over.get((self._spool.id, row.sequence))
        if reason is None:
            return row
        gap = Gap(
            at_ms=0, from_=row.sequence, to=row.last, reason="refused", chain=row.chain.hex(), detail=reason[:200]
        )
        return SpooledRow(
            sequence=row.sequence, last=row.last, boot=row.boot, item=codec.encode_item(gap), chain=row.chain
        )
