"""A month of a kitchen through the journal: at its end the book says what truly lies there, and what a recall asks is
told. ``scripts/bench month`` runs the same with a reading a minute."""

from __future__ import annotations

import pytest
from tests.server.conftest import Bench, NewAddress
from tests.server.kitchen_month import Month, Served, kitchen_book

from pawon_server.acts import encode_act
from pawon_server.projections.acts import Written
from pawon_server.projections.recall import recall
from pawon_server.stock.recall import Asked, Recall
from pawon_server.store.database import open_store

pytestmark = pytest.mark.long
# Every part of it is shown on both kinds of store elsewhere; a month takes a minute.
STORES = ("sqlite",)


def live(bench: Bench, month: Month) -> list[str]:
    """Tell a month to the record; why acts were refused."""
    refused = []
    for arrive_ms, payload in month.told():
        bench.now_ms = max(bench.now_ms, arrive_ms)
        if isinstance(payload, bytes):
            bench.send(payload)
        else:
            answer = bench.writer.write(encode_act(payload))
            if not isinstance(answer, Written):
                refused.append(f"{type(payload).__name__}: {answer.reason}")
    return refused


def drill(bench: Bench, meal: Served) -> Recall:
    """Somebody fell ill of it: where it came from and who else has it."""
    asked = Asked(school=meal.schools[0], eaten_ms=meal.eaten_ms, tolerance_ms=30 * 60_000)
    with bench.store.reader.connect() as connection:
        return recall(connection, bench.book, asked, bench.now_ms)


def test_the_book_is_what_truly_lies_there(stores: NewAddress) -> None:
    """60 items in 12 places after a month of weighings, late words, outages and a clock of the past: every balance is
    within what scales and people can see, and a recall finds each ingredient of a meal."""
    month = Month(seed=20_001)
    store = open_store(stores())
    bench = Bench(store, kitchen_book(), now_ms=0)
    assert live(bench, month) == []
    rows = bench.rows("SELECT item, place, sum(amount) FROM ledger_line GROUP BY item, place")
    book = {(str(item), str(place)): int(str(amount)) for item, place, amount in rows}
    wrong = {
        key: (book.get(key, 0), round(true_g), round(month.within_g(*key)))
        for key, true_g in month.truth.items()
        if abs(book.get(key, 0) - true_g) > month.within_g(*key)
    }
    assert wrong == {}
    assert len(month.truth) >= 120
    assert bench.value("SELECT sum(amount) FROM ledger_line") == 0
    meal = month.served[len(month.served) // 2]
    answer = drill(bench, meal)
    eaten = [one for one in month.served if meal.schools[0] in one.schools and one.eaten_ms == meal.eaten_ms]
    asked = {one.batch: one for one in answer.known_batches if one.asked}
    assert set(asked) == {one.batch for one in eaten}
    item_of = {one.lot: one.item for one in answer.lots}
    for one in eaten:
        assert {item_of[lot] for lot in asked[one.batch].lots} == one.items
    assert {one.school for one in answer.schools} >= {school for one in eaten for school in one.schools}
    assert answer.portions_percent == 100.0
    accounted = sum(one.used + one.thrown + one.rest for one in answer.known_lots)
    assert accounted >= 0.98 * sum(one.amount for one in answer.known_lots)
    bench.writer.stop()
    store.close()
