"""The book of one item, pure: conservation, order of time, FEFO, stocktakes."""

from __future__ import annotations

from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pawon_server.stock import accounts
from pawon_server.stock.book import Event, LotFacts, Settled, in_turn, settle

PLACES = ("terima", "gudang", "chiller-2")
LOTS = {
    "A": LotFacts(id="A", received_ms=10, expires_ms=500),
    "B": LotFacts(id="B", received_ms=5, expires_ms=900),
    "C": LotFacts(id="C", received_ms=1),
    "D": LotFacts(id="D", received_ms=2, expires_ms=700, held=((100, 300), (400, None))),
}
ACCOUNTS = st.sampled_from([*PLACES, accounts.SUPPLIER, accounts.COOKED, accounts.WASTE, accounts.DIFFERENCE])
LOT = st.sampled_from([None, *LOTS])


@st.composite
def events(draw: st.DrawFn) -> list[Event]:
    """A day of one item: deliveries, moves, uses, counts, in any order of arrival and some at the same moment."""
    found = []
    for number in range(draw(st.integers(0, 25))):
        head = {"id": f"m{number}", "at_ms": draw(st.integers(0, 60)) * 10, "lot": draw(LOT)}
        if draw(st.integers(0, 4)) == 0:
            place = draw(st.sampled_from(PLACES))
            found.append(Event(**head, from_place=accounts.DIFFERENCE, to_place=place,
                               counted=draw(st.integers(0, 50)), booked=draw(st.booleans())))  # fmt: skip
            continue
        here = draw(ACCOUNTS)
        there = draw(ACCOUNTS.filter(lambda one, here=here: one != here))
        whole = head["lot"] is not None and draw(st.integers(0, 4)) == 0
        amount = None if whole else draw(st.integers(1, 40))
        found.append(Event(**head, from_place=here, to_place=there, amount=amount))
    return found


def by_account(settled: Settled) -> dict[str, int]:
    """What lies in each account."""
    found: dict[str, int] = defaultdict(int)
    for (place, _), amount in settled.balances.items():
        found[place] += amount
    return {place: amount for place, amount in found.items() if amount}


@given(events())
def test_nothing_is_made_and_nothing_vanishes(day: list[Event]) -> None:
    """The lines of each movement sum to nothing, for each lot by itself; so do all accounts together."""
    settled = settle({}, day, LOTS)
    sums: dict[tuple[str, str], int] = defaultdict(int)
    for line in settled.lines:
        sums[line.movement, line.lot] += line.amount
    assert set(sums.values()) <= {0}
    assert sum(settled.balances.values()) == 0
    told = {line.movement for line in settled.lines}
    assert told == {one.movement for one in settled.outcomes if one.booked}


@given(events(), st.randoms())
def test_the_order_of_arrival_decides_nothing(day: list[Event], chance: object) -> None:
    """The same rows in another order make the same lines, doubts and balances."""
    other = list(day)
    chance.shuffle(other)
    assert settle({}, day, LOTS) == settle({}, other, LOTS)


@given(events(), st.integers(0, 600))
def test_worked_in_later_is_as_if_it_had_been_there(day: list[Event], cut_ms: int) -> None:
    """From the balances before a moment on, the rest comes out as in one pass over all of it."""
    whole = settle({}, day, LOTS)
    before = settle({}, [one for one in day if one.at_ms < cut_ms], LOTS)
    rest = settle(before.balances, [one for one in day if one.at_ms >= cut_ms], LOTS)
    assert before.lines + rest.lines == whole.lines
    assert rest.balances == whole.balances


@given(events())
def test_a_count_says_what_lies_there(day: list[Event]) -> None:
    """Right after a booked count of all of an item, the book holds what was counted, whatever came before."""
    for number, one in enumerate(sorted(day, key=lambda event: event.turn)):
        if one.counted is None or one.lot is not None or not one.booked:
            continue
        up_to = sorted(day, key=lambda event: event.turn)[: number + 1]
        assert by_account(settle({}, up_to, LOTS)).get(one.to_place, 0) == one.counted


@given(events())
def test_what_a_person_said_of_a_lot_stays(day: list[Event]) -> None:
    """A movement with a told lot moves that lot and no other, however the rest turns out."""
    told = {one.id: one.lot for one in day if one.lot is not None and one.counted is None}
    for line in settle({}, day, LOTS).lines:
        if line.movement in told:
            assert line.lot == told[line.movement]
            assert not line.assumed


@given(events())
def test_only_known_stock_is_assumed(day: list[Event]) -> None:
    """What is assumed of a lot lay there, so no lot is ever guessed below nothing, and a blocked one never into a
    pot."""
    held: dict[tuple[str, str], int] = defaultdict(int)
    of = {one.id: one for one in day}
    for line in settle({}, day, LOTS).lines:
        if line.amount < 0 and line.assumed and line.lot and line.place not in accounts.OUTSIDE:
            assert held[line.place, line.lot] >= -line.amount
            if of[line.movement].to_place == accounts.COOKED:
                assert not LOTS[line.lot].blocked(line.at_ms)
        held[line.place, line.lot] += line.amount


def move(name: str, at_ms: int, here: str, there: str, amount: int | None, lot: str | None = None) -> Event:
    """A movement."""
    return Event(id=name, at_ms=at_ms, from_place=here, to_place=there, amount=amount, lot=lot)


def test_first_expired_first_out() -> None:
    """Of four lots the one that expires first goes first, then the next; the one set aside is passed over, the one
    without a date comes last."""
    came = [move(f"r{lot}", 0, "supplier", "gudang", 10, lot) for lot in LOTS]
    settled = settle({}, [*came, move("u", 200, "gudang", "cooked", 25)], LOTS)
    assert [(line.lot, -line.amount) for line in settled.lines if line.movement == "u" and line.place == "gudang"] == [
        ("A", 10), ("B", 10), ("C", 5),
    ]  # fmt: skip
    assert in_turn({"A": 1, "D": 1}, LOTS, 350) == ["A", "D"]
    assert in_turn({"A": 1, "D": 1}, LOTS, 450) == ["A"]
    assert in_turn({"A": 1, "B": 1, "D": 1}, LOTS, 600, disposed=True) == ["A", "D", "B"]


@pytest.mark.parametrize(
    ("event", "doubt"),
    [
        (move("x", 20, "gudang", "cooked", 10), ""),
        (move("x", 20, "gudang", "cooked", 11), "short"),
        (move("x", 20, "gudang", "cooked", 10, "A"), ""),
        (move("x", 20, "gudang", "cooked", 11, "A"), "short"),
        (move("x", 600, "gudang", "cooked", 10), "blocked"),
        (move("x", 600, "gudang", "cooked", 5, "A"), "blocked"),
        (move("x", 600, "gudang", "waste", 10), ""),
        (move("x", 600, "gudang", "terima", 5, "A"), ""),
        (move("x", 20, "supplier", "gudang", 99, "B"), ""),
        (move("x", 20, "gudang", "cooked", None, "B"), ""),
    ],
)
def test_what_the_book_finds_odd(event: Event, doubt: str) -> None:
    """More than there was, or only what must not be used: booked as it was told, and said."""
    settled = settle({}, [move("r", 0, "supplier", "gudang", 10, "A"), event], LOTS)
    assert settled.outcomes[-1].doubt == doubt
    assert settled.outcomes[-1].booked


def test_a_late_row_changes_a_stocktakes_difference() -> None:
    """100 came, 30 left and 60 were counted: 10 are missing. A late use of 10 before the count explains them."""
    count = Event(id="c", at_ms=50, from_place=accounts.DIFFERENCE, to_place="gudang", counted=60)
    told = [move("r", 0, "supplier", "gudang", 100, "A"), move("u", 10, "gudang", "cooked", 30), count]
    later = move("v", 60, "gudang", "cooked", 5)
    assert settle({}, [*told, later], LOTS).outcomes[2] == ("c", -10, "", True, 70)
    settled = settle({}, [*told, later, move("late", 20, "gudang", "cooked", 10)], LOTS)
    assert settled.outcomes[3] == ("c", 0, "", True, 60)
    assert by_account(settled)["gudang"] == 55


def test_a_scale_that_opens_the_book_does_so_once() -> None:
    """The first plateau of a place that the book knows nothing of is what lies there; a second memory is only looked
    at."""
    first = Event(id="a", at_ms=1, from_place=accounts.OPENING, to_place="gudang", counted=50, opens=True)
    again = Event(id="b", at_ms=9, from_place=accounts.OPENING, to_place="gudang", counted=48, opens=True)
    settled = settle({}, [again, first], LOTS)
    assert settled.outcomes == [("a", 50, "", True, 0), ("b", -2, "", False, 50)]
    assert by_account(settled) == {"gudang": 50, "opening": -50}
