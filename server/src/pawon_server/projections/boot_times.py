"""When did a boot happen? What a gateway knew of its time, or the interval that its neighbours force.

Rows of a spool are in the order in which they were taken, so its boots are a sequence: a boot began (its monotonic
zero) after the newest row of the boot before it, and its rows were taken before the boot after it began. They were also
taken before they were sent, and sent before they were received. From these, and from monotonic durations (within
``DRIFT_PPM``), every boot has bounds of its beginning; a boot that never learnt the time is dated by them, once, when a
later boot of its spool did. Pure: no store, no clock, no text. It must not use a guess of a gateway as a bound.

The server's clock bounds from above only: a broker may have held a batch for any time. Where what it says lies below
what the gateway's own known times force, the server's clock was behind, and it is left aside.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from pawon_contract.clocks import FIRST_UTC_MS, drift_ms, no_time
from pawon_contract.messages import TRUSTED_CLOCKS, ClockQuality

# A server's clock that time servers correct is nearer to the truth than this.
SERVER_CLOCK_MS = 5_000

Span = tuple[int | None, int | None]


class Boot(msgspec.Struct, frozen=True, kw_only=True):
    """One boot of a gateway, as far as its rows have come. All times in ms; ``_at`` monotonic of the boot, ``_ms`` UTC.

    ``offset_ms``: what its rows are dated by; right within ``error_ms`` at ``known_at`` when the clock is a trusted one
    (``None``: at some moment of the boot). ``earliest_ms``..``latest_ms``: bounds of its beginning. ``fixed``: a
    ``ClockFix`` told its time; ``settled``: it ended without one and was dated. ``ended_ms``: its newest row was taken
    no earlier than this; ``stamped_ms``: what that row is dated.
    """

    gateway: str
    boot: str
    spool: str | None = None
    number: int | None = None  # its place in the spool
    newest_at: int = 0
    offset_ms: int
    error_ms: int
    clock: ClockQuality
    known_at: int | None = None
    fixed: bool = False
    settled: bool = False
    ended_ms: int | None = None
    stamped_ms: int | None = None
    earliest_ms: int | None = None
    latest_ms: int | None = None

    @property
    def known(self) -> bool:
        """Whether the gateway knew the time in this boot."""
        return self.fixed or self.clock in TRUSTED_CLOCKS


class Sending(msgspec.Struct, frozen=True, kw_only=True):
    """What a batch says of its boot's time. ``own``: it was sent in the boot that measured it."""

    offset_ms: int
    error_ms: int
    clock: ClockQuality
    newest_at: int
    sent_at: int
    own: bool
    received_ms: int


def begin(boot: Boot, before: Boot | None, sending: Sending) -> Boot:
    """The first batch of a boot in its spool, after those of the boot ``before`` it."""
    earliest_ms = boot.earliest_ms
    if earliest_ms is None:
        earliest_ms = FIRST_UTC_MS if before is None else max(FIRST_UTC_MS, _ended_from(before))
    return hear(msgspec.structs.replace(boot, earliest_ms=earliest_ms), sending)


def hear_sender(boot: Boot, sending: Sending) -> Boot:
    """The boot that sent rows of an earlier one: it had begun so long before they came."""
    return msgspec.structs.replace(boot, latest_ms=_latest(boot, sending.received_ms, sending.sent_at))


def hear(boot: Boot, sending: Sending) -> Boot:
    """A batch of the boot came in."""
    newest_at = max(boot.newest_at, sending.newest_at)
    own = sending.own and sending.clock in TRUSTED_CLOCKS  # it tells when it knew
    ended_ms = None if boot.ended_ms is None else boot.ended_ms + _at_least(newest_at - boot.newest_at)
    ran = sending.sent_at if sending.own else sending.sent_at + sending.newest_at
    latest_ms = _latest(boot, sending.received_ms, ran)
    if own:
        off_ms = sending.error_ms + drift_ms(sending.sent_at - sending.newest_at)
        own_ms = sending.offset_ms + sending.newest_at - off_ms
        ended_ms = own_ms if ended_ms is None else max(own_ms, ended_ms)
        begun_ms = sending.offset_ms + sending.error_ms + drift_ms(sending.sent_at)
        latest_ms = begun_ms if latest_ms is None else min(latest_ms, begun_ms)
    # What another boot says later of one that told when it knew is not better.
    keeps = boot.fixed or boot.settled or (boot.known_at is not None and not own)
    said = boot if keeps else sending
    return Boot(
        gateway=boot.gateway, boot=boot.boot, spool=boot.spool, number=boot.number, newest_at=newest_at,
        offset_ms=said.offset_ms, error_ms=said.error_ms, clock=said.clock,
        known_at=boot.known_at if keeps else sending.sent_at if own else None,
        fixed=boot.fixed, settled=boot.settled, ended_ms=ended_ms,
        stamped_ms=sending.offset_ms + sending.newest_at, earliest_ms=boot.earliest_ms, latest_ms=latest_ms,
    )  # fmt: skip


def fix(boot: Boot, offset_ms: int, error_ms: int, source: Literal["synced", "server"], known_at: int | None) -> Boot:
    """A ``ClockFix`` tells the boot's time."""
    return msgspec.structs.replace(
        boot, offset_ms=offset_ms, error_ms=error_ms, clock=source, known_at=known_at, fixed=True,
        stamped_ms=offset_ms + boot.newest_at,
    )  # fmt: skip


def span(boot: Boot, at: int) -> Span:
    """Between which times UTC the monotonic moment ``at`` of the boot lies; ``None`` where nothing bounds it."""
    if boot.known:
        off_ms = _error_at(boot, at)
        return boot.offset_ms + at - off_ms, boot.offset_ms + at + off_ms
    off_ms = drift_ms(at)
    earliest_ms = None if boot.earliest_ms is None else boot.earliest_ms + at - off_ms
    return earliest_ms, None if boot.latest_ms is None else boot.latest_ms + at + off_ms


def settle(boots: Sequence[Boot]) -> list[Boot]:
    """Date what can be dated now of a spool's boots (in order, the last one perhaps not ended): the boots that changed.

    A boot that ended knowing its time and never said so keeps it. Boots that never knew it wait for a later one that
    did; each then gets the offset nearest to its own guess within its bounds, after the boot before it and before the
    boot after it.
    """
    out: list[Boot] = []
    waiting: list[Boot] = []
    before: Boot | None = None
    for number, boot in enumerate(boots):
        ended = number + 1 < len(boots)
        if not boot.known and not boot.settled:
            waiting.append(boot)
            continue
        if boot.fixed or boot.known_at is not None or ended:
            out += _dated(before, waiting, boot)
            waiting = []
        if ended and not (boot.fixed or boot.settled):
            boot = msgspec.structs.replace(boot, settled=True)
            out.append(boot)
        before = boot
    return out


def _dated(before: Boot | None, waiting: list[Boot], after: Boot) -> list[Boot]:
    """The boots between two known ones: bounds from behind and then from the front, and a place within them."""
    latest_ms, order_ms = _begun_until(after), after.offset_ms
    bounds: list[tuple[int, int]] = []  # of each, from the last: begun by; begun by for its rows to be dated in order
    for boot in reversed(waiting):
        neighbours_ms = latest_ms - _at_least(boot.newest_at)
        latest_ms = neighbours_ms if boot.latest_ms is None else min(neighbours_ms, boot.latest_ms)
        if latest_ms < _begun_from(boot):
            latest_ms = neighbours_ms  # the server's clock was behind when it received them
        order_ms = min(order_ms, latest_ms + boot.newest_at) - boot.newest_at
        bounds.append((latest_ms, order_ms))
    ended_ms = FIRST_UTC_MS if before is None else max(FIRST_UTC_MS, _ended_from(before))
    stamped_ms = ended_ms if before is None or before.stamped_ms is None else before.stamped_ms
    out = []
    for boot, (latest_ms, order_ms) in zip(waiting, reversed(bounds), strict=True):
        # Two known times that cannot both be right: nobody can tell which of them is wrong, so both bound the truth.
        earliest_ms, latest_ms = min(ended_ms, latest_ms), max(ended_ms, latest_ms)
        offset_ms = max(min(boot.offset_ms, order_ms), stamped_ms)
        offset_ms = max(earliest_ms, min(offset_ms, latest_ms))
        dated = msgspec.structs.replace(
            boot, offset_ms=offset_ms, earliest_ms=earliest_ms, latest_ms=latest_ms, settled=True,
            stamped_ms=offset_ms + boot.newest_at,
        )  # fmt: skip
        ended_ms, stamped_ms = _ended_from(dated), offset_ms + boot.newest_at
        out.append(dated)
    return out


def _error_at(boot: Boot, at: int) -> int:
    distance = max(at, boot.newest_at - at) if boot.known_at is None else at - boot.known_at
    return boot.error_ms + drift_ms(distance)


def _at_least(lasted: int) -> int:
    """How long something lasted at least, by a clock that may run fast."""
    return lasted - drift_ms(lasted)


def _ended_from(boot: Boot) -> int:
    """No earlier than this was its newest row taken."""
    if boot.known:
        own_ms = boot.offset_ms + boot.newest_at - _error_at(boot, boot.newest_at)
        return own_ms if boot.ended_ms is None else max(own_ms, boot.ended_ms)
    return _begun_from(boot) + _at_least(boot.newest_at)


def _begun_from(boot: Boot) -> int:
    return FIRST_UTC_MS if boot.earliest_ms is None else boot.earliest_ms


def _begun_until(boot: Boot) -> int:
    """No later than this did a boot that knew the time begin."""
    off_ms = _error_at(boot, 0)
    if boot.latest_ms is not None and abs(boot.latest_ms - boot.offset_ms) <= off_ms:
        return boot.latest_ms
    return boot.offset_ms + off_ms


def _latest(boot: Boot, received_ms: int, ran: int) -> int | None:
    """The upper bound of its beginning when ``ran`` of monotonic time went by from there to the receipt."""
    if no_time(received_ms) is not None:
        return boot.latest_ms
    latest_ms = received_ms + SERVER_CLOCK_MS - _at_least(ran)
    if boot.latest_ms is not None:
        latest_ms = min(latest_ms, boot.latest_ms)
    return None if boot.earliest_ms is not None and latest_ms < boot.earliest_ms else latest_ms
