"""What went in against what came out: rice that drinks, meat that shrinks, and what nobody weighed."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pawon_server.stock.mass_acts import MassKind, taken_amount
from pawon_server.stock.mass_balance import LIMIT, Balance, Came, Used, Verdict, balance
from pawon_server.stock.menu_acts import Ingredient
from pawon_server.stock.waste import Thrown, waste_of

# Factors and edible parts as in docs/mass-balance.md.
RICE = Used(item="beras", mass_g=50_000, factor=(2.2, 2.5))
CHICKEN = Used(item="ayam", mass_g=30_000, edible_percent=58, factor=(0.70, 0.75))


def out(kind: MassKind, mass_g: float, **more: Any) -> Came:
    """Something came out."""
    return Came(kind=kind, mass_g=mass_g, **more)


@pytest.mark.parametrize(
    ("cooked_g", "verdict", "unexplained_g"),
    [
        (110_000, "closed", 0), (125_000, "closed", 0), (100_000, "closed", 10_000), (98_999, "missing", 11_001),
        (137_500, "closed", -12_500), (137_501, "surplus", -12_501), (0, "missing", 110_000),
    ],
)  # fmt: skip
def test_a_pot_of_rice(cooked_g: int, verdict: Verdict, unexplained_g: int) -> None:
    """50 kg of rice become 110 to 125 kg; up to a tenth beyond either end nothing is told."""
    found = balance([RICE], [out("cooked", cooked_g)], 1_000)
    assert (found.verdict, found.unexplained_g) == (verdict, unexplained_g)
    assert found.portion_g == cooked_g / 1_000


def test_chicken_that_is_trimmed_shrinks_and_is_thrown_away() -> None:
    """Of 30 kg 12 are cut off and 2 were spoiled: 16 kg go into the pot and 11,2 to 12 come out, burnt ones too."""
    told = [out("trimming", 12_000, item="ayam"), out("waste", 2_000, item="ayam", waste="spoiled"),
            out("waste", 1_000, waste="burnt"), out("sample", 150)]  # fmt: skip
    found = balance([CHICKEN], [*told, out("cooked", 10_500)], 100)
    assert (found.least_g, found.most_g, found.out_g) == (pytest.approx(11_200), pytest.approx(12_000), 11_650)
    assert (found.verdict, found.gaps, found.portion_g) == ("closed", (), 105)
    assert balance([CHICKEN], [*told, out("cooked", 5_000)]).verdict == "missing"


def test_plates_that_came_back_were_cooked_before() -> None:
    """What is left on plates is part of what was cooked, so it explains nothing."""
    bare = balance([RICE], [out("cooked", 90_000)])
    back = balance([RICE], [out("cooked", 90_000), out("leftover", 40_000)])
    assert (bare.verdict, back.verdict, back.unexplained_g) == ("missing", "missing", bare.unexplained_g)
    assert back.leftover_g == 40_000


@pytest.mark.parametrize(
    ("used", "came", "gap"),
    [
        ([], [out("cooked", 110_000)], ("ingredients", "")),
        ([RICE], [], ("cooked", "")),
        ([CHICKEN], [out("cooked", 14_000)], ("trimming", "ayam")),
        ([Used(item="garam", mass_g=1_000)], [out("cooked", 1_000)], ("factor", "garam")),
        ([Used(item="telur", mass_g=None, factor=(1, 1))], [out("cooked", 1_000)], ("unit", "telur")),
        ([Used(item="beras", mass_g=50_000, factor=(2.2, 2.5), estimated=True)], [out("cooked", 110_000)],
         ("estimated", "beras")),
        ([RICE], [out("cooked", 110_000), out("trimming", 100, item="wortel")], ("stray", "wortel")),
    ],
)  # fmt: skip
def test_what_nobody_knows_is_named_and_never_good(used: list[Used], came: list[Came], gap: tuple[str, str]) -> None:
    """Each missing part is in the answer by name, and the verdict is not ``closed``."""
    found = balance(used, came)
    assert (found.verdict, gap in found.gaps) == ("unknown", True)


def test_a_great_hole_is_told_although_parts_are_unknown() -> None:
    """An unweighed trimming explains what the bones weigh, and no more."""
    assert balance([CHICKEN], [out("cooked", 12_500)]).verdict == "unknown"
    assert balance([CHICKEN], [out("cooked", 10_000)]).verdict == "missing"


def test_nothing_in_and_nothing_out_is_zero_not_unknown() -> None:
    """A pot of which 0 g was weighed is data; all its rice was thrown away raw."""
    found = balance([RICE], [out("cooked", 0), out("waste", 50_000, item="beras", waste="spilled")])
    assert (found.verdict, found.cooked_g, found.unexplained_g, found.unexplained) == ("closed", 0, 0, 0)


MASSES = st.integers(0, 200_000)
ITEMS = st.sampled_from(["beras", "ayam", "wortel"])
USED = st.lists(
    st.builds(
        Used, item=ITEMS, mass_g=st.one_of(st.none(), MASSES), estimated=st.booleans(),
        edible_percent=st.sampled_from([58.0, 85.0, 100.0]),
        factor=st.sampled_from([None, (2.2, 2.5), (0.7, 0.75), (0.0, 1.0)]),
    ),
    max_size=3, unique_by=lambda one: one.item,
)  # fmt: skip
CAME = st.lists(
    st.builds(
        Came, kind=st.sampled_from(["cooked", "trimming", "waste", "sample", "leftover"]), mass_g=MASSES,
        item=st.sampled_from(["", "", "beras", "ayam", "wortel"]),
    ),
    max_size=6,
)  # fmt: skip


@given(USED, CAME)
def test_what_came_out_and_what_is_unexplained_is_what_was_expected(used: list[Used], came: list[Came]) -> None:
    """With the unexplained part added the result lies within the range, at its very end if there is such a part."""
    found = balance(used, came)
    if found.unexplained_g is None or found.out_g is None or found.least_g is None or found.most_g is None:
        assert found.verdict == "unknown"
        return
    whole_g = found.out_g + found.unexplained_g
    assert found.least_g - 1e-6 <= whole_g <= found.most_g + 1e-6
    assert found.unexplained_g == 0 or min(abs(whole_g - found.least_g), abs(whole_g - found.most_g)) < 1e-6


@given(USED, CAME, MASSES, st.sampled_from(["", "beras", "ayam"]))
def test_more_waste_never_raises_what_is_missing(used: list[Used], came: list[Came], more_g: int, item: str) -> None:
    """Whether of the dish or of a raw ingredient: throwing more away cannot make more disappear."""
    before = balance(used, came).unexplained_g
    after = balance(used, [*came, out("waste", more_g, item=item)]).unexplained_g
    if before is not None and after is not None:
        assert max(after, 0) <= max(before, 0) + 1e-6


@given(USED, CAME)
def test_only_what_is_whole_is_good(used: list[Used], came: list[Came]) -> None:
    """``closed`` needs every part; taking any of what was weighed or told away never gives it."""
    found = balance(used, came)
    assert found.verdict != "closed" or not found.gaps
    assert _without_cooked(used, came).verdict == "unknown"
    assert balance([], came).verdict == "unknown"
    if found.unexplained_g is not None and found.most_g is not None and found.verdict == "closed":
        assert abs(found.unexplained_g) <= LIMIT * found.most_g + 1e-6


def _without_cooked(used: list[Used], came: list[Came]) -> Balance:
    return balance(used, [one for one in came if one.kind != "cooked"])


@given(st.permutations(list(range(5))))
def test_the_order_of_what_was_told_decides_nothing(order: list[int]) -> None:
    """Masses may come in any order."""
    told = [out("cooked", 9_000), out("cooked", 2_000), out("trimming", 12_000), out("waste", 1), out("sample", 150)]
    assert balance([CHICKEN, RICE], [told[n] for n in order]) == balance([CHICKEN, RICE], told)


@pytest.mark.parametrize(("amount", "portions", "taken"), [(12_500, 300, 37_500), (1, 49, 0), (1, 50, 1), (3, 50, 2)])
def test_a_recipes_amount_is_rounded_once(amount: int, portions: int, taken: int) -> None:
    """Half a gram counts as one."""
    assert taken_amount(Ingredient(item="garam", amount=amount), portions) == taken


def test_waste_is_compared_with_what_it_was() -> None:
    """Raw waste with what was bought of it, dishes and plates with what was cooked; what has no mass is told."""
    found = waste_of(
        [Thrown("ayam", "spoiled", 2_000), Thrown("ayam", "spoiled", 1_000), Thrown("telur", "expired", None),
         Thrown("", "burnt", 4_000), Thrown("", "leftover", 20_000)],
        {"ayam": 30_000, "beras": 50_000}, 100_000,
    )  # fmt: skip
    assert [(row.item, row.reason, row.mass_g, row.share) for row in found.rows] == [
        ("", "leftover", 20_000, 0.2), ("", "burnt", 4_000, 0.04), ("ayam", "spoiled", 3_000, 0.1),
        ("telur", "expired", 0, None),
    ]  # fmt: skip
    assert [row.item for row in found.rows if row.unweighed] == ["telur"]
    assert (found.raw_share, found.dish_share, found.plate_share) == (3_000 / 80_000, 0.04, 0.2)


def test_waste_without_purchases_has_no_share() -> None:
    """Nothing bought, nothing weighed: there are kilograms and no percentage; not nought."""
    found = waste_of([Thrown("ayam", "", 500)], {"ayam": None}, None)
    assert (found.raw_g, found.bought_g, found.raw_share, found.plate_share) == (500, None, None, None)
    assert found.rows[0].share is None
