"""The graph of a recall without a store: back to the lots, forward to every school, and what is only possible."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pawon_server.stock.book import NO_LOT
from pawon_server.stock.trace import Cooked, Gap, Lay, Line, Use, could_be, gaps_of, lays, percent, possible, trace

LOTS, BATCHES, SCHOOLS = ("a", "b", "c", "d"), ("1", "2", "3", "4"), ("SD 1", "SD 2", "SD 3")
USES = st.lists(
    st.builds(
        Use, lot=st.sampled_from((*LOTS, NO_LOT)), batch=st.sampled_from((*BATCHES, "")), item=st.just("ayam"),
        place=st.just("chiller"), amount=st.integers(1, 9), at_ms=st.integers(0, 9), assumed=st.booleans(),
    ),
    max_size=20,
)  # fmt: skip
SHARES = st.sets(st.tuples(st.sampled_from(BATCHES), st.sampled_from(SCHOOLS)))


def use(lot: str, batch: str, *, assumed: bool = False, at_ms: int = 5) -> Use:
    """Chicken from the chiller."""
    return Use(lot, batch, "ayam", "chiller", 1_000, at_ms, assumed)


@given(USES, SHARES, st.sampled_from(SCHOOLS))
def test_what_is_found_back_is_found_forward(uses: list[Use], shares: set[tuple[str, str]], school: str) -> None:
    """Every lot that is found from a school's food leads to that food and that school, and to each batch it is in."""
    eaten = {batch for batch, there in shares if there == school}
    back = trace(uses, batches=eaten)
    for lot in back.lots:
        forward = trace(uses, lots=[lot])
        assert eaten & set(forward.batches)
        assert (school in {there for batch, there in shares if batch in forward.batches}) or not eaten
        assert set(forward.batches) <= set(back.batches)


@given(USES, st.sets(st.sampled_from(BATCHES)), st.sets(st.sampled_from(LOTS)))
def test_what_is_not_joined_is_never_known(uses: list[Use], batches: set[str], lots: set[str]) -> None:
    """A lot is known only by a use in a batch that is asked about, a batch only by a use of a known lot; told only
    where every use on the way was told."""
    found = trace(uses, lots, batches)
    told = {one for one in uses if not one.assumed}
    for lot, sure in found.lots.items():
        joined = [one for one in (told if sure == "told" else uses) if one.lot == lot and one.batch in batches]
        assert lot in lots or joined
    for batch, sure in found.batches.items():
        sources = [one for one in uses if one.batch == batch and one.lot in found.lots]
        sure_ones = [one for one in sources if not one.assumed and found.lots[one.lot] == "told"]
        assert batch in batches or (sure_ones if sure == "told" else sources)
    assert NO_LOT not in found.lots
    assert "" not in found.batches


def test_the_other_ingredients_of_another_batch_are_not_suspect() -> None:
    """Back once and forward once: what was cooked together with the bad chicken elsewhere is not traced on."""
    uses = [use("ayam-1", "soto"), use("ayam-1", "opor"), use("tahu-1", "opor"), use("tahu-1", "tumis")]
    found = trace(uses, batches=["soto"])
    assert set(found.lots) == {"ayam-1"}
    assert set(found.batches) == {"soto", "opor"}


def test_a_told_use_outweighs_an_assumed_one() -> None:
    """A lot of which part was told and part assumed is told; what hangs on an assumed use alone is assumed."""
    uses = [use("a", "1", assumed=True), use("a", "1"), use("b", "1", assumed=True), use("b", "2")]
    found = trace(uses, batches=["1"])
    assert found.lots == {"a": "told", "b": "assumed"}
    assert found.batches == {"1": "told", "2": "assumed"}


def test_where_a_lot_lay() -> None:
    """From its coming until nothing is left; what is still there has no end; what came and left at once was there."""
    told = [("a", "lantai", 10, 1), ("a", "lantai", -10, 3), ("a", "chiller", 10, 3), ("a", "chiller", -4, 5),
            ("b", "lantai", 5, 7), ("b", "lantai", -5, 7)]  # fmt: skip
    lines = [Line(lot, "ayam", place, amount, at_ms) for lot, place, amount, at_ms in told]
    assert lays(lines) == [
        Lay("a", "ayam", "lantai", 1, 3), Lay("b", "ayam", "lantai", 7, 7), Lay("a", "ayam", "chiller", 3, None),
    ]  # fmt: skip


def test_gaps_and_what_may_fill_them() -> None:
    """Nobody said anything: all that lay there, what went to the pans first. A lot that was assumed: its neighbours. An
    ingredient without a lot: its kind. Never what is known."""
    where = [Lay("a", "ayam", "chiller", 0, 9), Lay("b", "ayam", "chiller", 0, None), Lay("t", "tahu", "rak", 0, None),
             Lay("old", "ayam", "chiller", 0, 2), Lay("new", "ayam", "chiller", 8, None),
             Lay("f", "ayam", "freezer", 0, 9)]  # fmt: skip
    cooked = [Cooked("1", 3, 6), Cooked("2", 3, 6), Cooked("3", 3, 6)]
    uses = [use("a", "2", assumed=True), use(NO_LOT, "3")]
    gaps = gaps_of(cooked, uses)
    assert gaps == [
        Gap("1", "", "", 3, 6, "stock"), Gap("2", "ayam", "chiller", 5, 5, "beside"),
        Gap("3", "ayam", "", 5, 5, "item"),
    ]  # fmt: skip
    taken = [use("t", "")]
    assert possible(gaps, where, taken, {"2": frozenset({"a"})}) == {
        "1": {"t": "taken", "a": "stock", "b": "stock", "f": "stock"}, "2": {"b": "beside"},
        "3": {"a": "item", "b": "item", "f": "item"},
    }  # fmt: skip
    assert not could_be(gaps[1], Lay(NO_LOT, "ayam", "chiller", 0, None))


def test_more_than_the_whole_is_as_wrong_as_less() -> None:
    """What is accounted for, in percent."""
    assert [percent(*pair) for pair in ((98, 100), (100, 98), (0, 0), (0, 5), (5, 5))] == [
        98.0,
        98.0,
        100.0,
        0.0,
        100.0,
    ]
