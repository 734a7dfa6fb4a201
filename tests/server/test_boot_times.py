"""Boots without a known time: their intervals contain the truth and are no wider than their neighbours force."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.server.gateway_life import HOUR, MINUTE, SPOOL, Arriving, Life, TrueBoot

from pawon_contract import codec
from pawon_contract.clocks import FIRST_UTC_MS, drift_ms
from pawon_contract.messages import TRUSTED_CLOCKS, ClockFix, ClockQuality
from pawon_server.projections import boot_times
from pawon_server.projections.boot_times import SERVER_CLOCK_MS, Boot, Sending
from pawon_server.projections.boots import Boots
from pawon_server.projections.context import Arrival

T = 1_790_000_000_000


def arrival_of(batch: Arriving, number: int) -> Arrival:
    """What the projector tells of a batch."""
    envelope, own = batch.envelope, batch.envelope.sent_boot is None
    return Arrival(
        journal_id=number, received_ms=batch.received_ms, gateway="gw-1", spool=envelope.spool, boot=envelope.boot,
        offset_ms=envelope.offset_ms, clock=envelope.clock, error_ms=envelope.error_ms,
        sent_ms=envelope.sent_ms if own else None, sender_ms=envelope.sent_ms,
        sender_boot=envelope.sent_boot or envelope.boot,
    )  # fmt: skip


def take(boots: Boots, batch: Arriving, number: int) -> list[Boot]:
    """What the projector does with a batch, as far as it is about time."""
    arrival = arrival_of(batch, number)
    dated = boots.take(arrival, batch.newest_at)
    for row in batch.rows:
        item = codec.decode_item(row.raw)
        if isinstance(item, ClockFix):
            dated += boots.fix(arrival, item.boot, item.offset_ms, item.error_ms, item.source, item.at_ms)
    return dated


def known(boots: Boots, boot: TrueBoot) -> Boot | None:
    """What is known of a boot."""
    return boots._boots.get(("gw-1", boot.name))


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 6))
@example(0, 6)
def test_every_interval_contains_the_truth_at_every_moment(seed: int, count: int) -> None:
    """After every batch, for every row that came: its true time lies between its earliest and its latest; in the end
    every boot is dated, within its interval, and rows are dated in the order in which they were taken."""
    life, boots = Life(random.Random(seed)), Boots("dapur-uji")
    came = []
    for number, batch in enumerate(life.batches(count), 1):
        take(boots, batch, number)
        came += batch.rows
        for row in came:
            boot = known(boots, row.boot)
            assert boot is not None
            earliest_ms, latest_ms = boot_times.span(boot, row.at)
            assert earliest_ms is not None
            assert earliest_ms <= row.boot.true_ms(row.at) + 1
            assert latest_ms is None or row.boot.true_ms(row.at) - 1 <= latest_ms
    stamps = []
    for row in came:
        boot = known(boots, row.boot)
        assert boot is not None
        assert boot.fixed or boot.settled
        earliest_ms, latest_ms = boot_times.span(boot, row.at)
        assert earliest_ms is not None
        assert latest_ms is not None
        assert earliest_ms <= boot.offset_ms + row.at <= latest_ms
        stamps.append(boot.offset_ms + row.at)
    assert stamps == sorted(stamps)


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 6))
def test_a_fixed_row_is_within_two_seconds_and_the_drift(seed: int, count: int) -> None:
    """What a ``ClockFix`` dated anew lies within 2 s and 100 ppm of the distance to the fix, as the server says."""
    life, boots = Life(random.Random(seed)), Boots("dapur-uji")
    for number, batch in enumerate(life.batches(count), 1):
        take(boots, batch, number)
    for row in life.rows:
        boot = known(boots, row.boot)
        assert boot is not None
        if boot.fixed:
            assert boot.known_at is not None
            stated_ms = (boot_times.span(boot, row.at)[1] or 0) - boot.offset_ms - row.at
            assert abs(boot.offset_ms + row.at - row.boot.true_ms(row.at)) <= stated_ms + 1
            assert stated_ms <= 2_000 + drift_ms(row.at - boot.known_at)


def brute_bounds(life: Life, batches: list[Arriving], of: TrueBoot) -> tuple[float, float]:
    """The bounds of a boot's beginning that all that these batches told forces: shortest paths in the graph of all
    differences between moments, which knows nothing of boots in a row."""
    edges: list[tuple[str, str, float]] = []  # (a, b, w): b is no later than a + w
    moments: dict[str, set[int]] = {}

    def between(a: str, earliest: float, latest: float) -> None:
        edges.extend([("zero", a, latest), (a, "zero", -earliest)])

    rows = [row for batch in batches for row in batch.rows]
    told = [true for true in life.boots if any(row.boot is true for row in rows)]
    for before, after in pairwise(told):
        edges.append((f"{after.name} 0", f"{before.name} {newest(life, before)}", 0))
    for row in rows:
        moments.setdefault(row.boot.name, {0}).add(row.at)
        between(f"{row.boot.name} 0", FIRST_UTC_MS, 1e14)
        item = codec.decode_item(row.raw)
        if isinstance(item, ClockFix):
            at_ms = item.offset_ms + item.at_ms
            between(f"{row.boot.name} {row.at}", at_ms - item.error_ms, at_ms + item.error_ms)
    for batch in batches:
        envelope, sent = batch.envelope, f"{batch.sender.name} {batch.envelope.sent_ms}"
        moments.setdefault(batch.sender.name, {0}).add(envelope.sent_ms)
        edges.append(("zero", sent, batch.received_ms + SERVER_CLOCK_MS))
        if envelope.clock in TRUSTED_CLOCKS and envelope.sent_boot is None:
            at_ms = envelope.offset_ms + envelope.sent_ms
            between(sent, at_ms - envelope.error_ms, at_ms + envelope.error_ms)
    for name, found in moments.items():
        order = sorted(found)
        for a, b in pairwise(order):  # by a clock of 100 ppm
            edges += [
                (f"{name} {a}", f"{name} {b}", (b - a) * 1.0001),
                (f"{name} {b}", f"{name} {a}", (a - b) * 0.9999),
            ]
    latest = shortest(edges, "zero")[f"{of.name} 0"]
    earliest = -shortest([(b, a, w) for a, b, w in edges], "zero")[f"{of.name} 0"]
    return earliest, latest


def shortest(edges: list[tuple[str, str, float]], start: str) -> dict[str, float]:
    """Bellman and Ford's."""
    best = {start: 0.0}
    changed = True
    while changed:
        changed = False
        for a, b, w in edges:
            if a in best and best[a] + w < best.get(b, float("inf")) - 1e-3:
                best[b] = best[a] + w
                changed = True
    return best


def newest(life: Life, boot: TrueBoot) -> int:
    """The monotonic time of a boot's newest row."""
    return max(row.at for row in life.rows if row.boot is boot)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32), st.integers(2, 5))
@example(3, 5)
def test_no_interval_is_wider_than_the_neighbours_force(seed: int, count: int) -> None:
    """Compared with all bounds that follow from what the server had been told when it dated a boot: nothing is left
    unused but drift."""
    life, boots, batches = Life(random.Random(seed)), Boots("dapur-uji"), []
    for number, batch in enumerate(life.batches(count), 1):
        batches.append(batch)
        for boot in take(boots, batch, number):
            if boot.known:
                continue
            true = next(one for one in life.boots if one.name == boot.boot)
            earliest, latest = brute_bounds(life, batches, true)
            assert boot.earliest_ms is not None
            assert boot.latest_ms is not None
            drift = sum(3 * drift_ms(newest(life, one)) for one in life.boots)
            assert earliest - 100 - drift <= boot.earliest_ms <= earliest + 100
            assert latest - 100 <= boot.latest_ms <= latest + 100 + drift


def batch(offset_ms: int, clock: ClockQuality, newest_at: int, received_ms: int, *, error_ms: int = 0) -> Sending:
    """A batch sent in its own boot as soon as its newest row was taken."""
    return Sending(
        offset_ms=offset_ms, error_ms=error_ms, clock=clock, newest_at=newest_at, sent_at=newest_at, own=True,
        received_ms=received_ms,
    )  # fmt: skip


def begin(name: str, spool: str, number: int, before: Boot | None, sending: Sending) -> Boot:
    """The first batch of a boot."""
    unheard = Boot(gateway="gw-1", boot=name, spool=spool, number=number, offset_ms=0, error_ms=0, clock="guess")
    return boot_times.begin(unheard, before, sending)


def three(received_ms: int, *, after_ms: int) -> list[Boot]:
    """A synced boot of ten minutes, one of ten minutes that never knew, and a synced one that began at ``after_ms``."""
    first = begin("a", SPOOL, 0, None, batch(T, "synced", 10 * MINUTE, T + 10 * MINUTE))
    guess = begin("b", SPOOL, 1, first, batch(T - HOUR, "guess", 10 * MINUTE, received_ms))
    last = begin("c", SPOOL, 2, guess, batch(after_ms, "synced", MINUTE, after_ms + MINUTE))
    return [first, guess, last]


def test_a_boot_between_two_known_ones_is_dated_between_them() -> None:
    """Ten minutes measured somewhere within an hour: the interval is that hour less the ten minutes, and drift; the
    stamp is the place nearest to the guess."""
    boots = three(T + 3 * HOUR, after_ms=T + 70 * MINUTE)
    dated = {boot.boot: boot for boot in boot_times.settle(boots)}
    assert (dated["b"].earliest_ms, dated["b"].latest_ms) == (T + 10 * MINUTE, T + 60 * MINUTE + 60 + 6)
    assert dated["b"].offset_ms == T + 10 * MINUTE
    assert boot_times.span(dated["b"], 10 * MINUTE) == (T + 20 * MINUTE - 60, T + 70 * MINUTE + 60 + 66)


def test_what_the_server_received_bounds_from_above() -> None:
    """A batch was measured before it came: by the server's clock, and 5 s for that clock's own error."""
    _, guess, _ = three(T + 30 * MINUTE, after_ms=T + 70 * MINUTE)
    assert guess.latest_ms == T + 20 * MINUTE + SERVER_CLOCK_MS + 60


@pytest.mark.parametrize("received_ms", [0, T - 24 * HOUR, T + 15 * MINUTE, 2**41 * 2])
def test_a_server_with_a_wrong_clock_bounds_nothing(received_ms: int) -> None:
    """A receipt before what was measured, or in 1970 or 2109, is the server's mistake: the neighbours alone count."""
    boots = three(received_ms, after_ms=T + 70 * MINUTE)
    dated = {boot.boot: boot for boot in boot_times.settle(boots)}
    assert (dated["b"].earliest_ms, dated["b"].latest_ms) == (T + 10 * MINUTE, T + 60 * MINUTE + 60 + 6)


def test_known_times_that_contradict_each_other_both_bound() -> None:
    """A boot that was told 2026 after one that was told 2027: which is wrong nobody knows, so the interval has both."""
    boots = three(T + 3 * HOUR, after_ms=T - 24 * HOUR)
    dated = {boot.boot: boot for boot in boot_times.settle(boots)}["b"]
    assert dated.earliest_ms is not None
    assert dated.latest_ms is not None
    assert dated.earliest_ms <= T - 24 * HOUR - 10 * MINUTE + 100
    assert dated.latest_ms == T + 10 * MINUTE
    assert dated.earliest_ms <= dated.offset_ms <= dated.latest_ms


def test_nothing_is_dated_before_a_later_boot_knows_the_time() -> None:
    """Two boots that never knew wait, in order; the first one that knows dates both, each once."""
    first, guess, _ = three(T + 3 * HOUR, after_ms=T + 70 * MINUTE)
    other = begin("x", SPOOL, 2, guess, batch(T - HOUR, "rtc", 20 * MINUTE, T + 3 * HOUR))
    assert [boot.boot for boot in boot_times.settle([first, guess, other])] == ["a"]
    last = begin("c", SPOOL, 3, other, batch(T + 70 * MINUTE, "synced", MINUTE, T + 3 * HOUR))
    one, two = (boot for boot in boot_times.settle([first, guess, other, last]) if boot.boot in "bx")
    assert one.offset_ms + one.newest_at <= two.offset_ms
    assert (one.earliest_ms, two.earliest_ms) == (T + 10 * MINUTE, T + 20 * MINUTE - 60)
    assert boot_times.settle([one, two, last]) == []
