"""Days of stock left: the menu, the usual use, expiry and orders; what an estimate may never do."""

from __future__ import annotations

import random
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pawon_server.stock.daily_use import PREPARATION_HOUR, Rate, kitchen_day, usual
from pawon_server.stock.forecast import DatedLot, DayLeft, Order, Outlook, Supply, deplete, look_ahead
from pawon_server.stock.low_stock import MINIMUM, RUNS_OUT, covered, low, standing
from pawon_server.stock.needs import needs
from pawon_server.stock.plan import HORIZON_DAYS, Meal, Plan, plan_of

MONDAY = date(2025, 10, 6)
NO_PLAN = Plan(days={}, gaps={}, items=frozenset())
DAILY = tuple(Rate(low=8, likely=10, high=12) for _ in range(7))
RECIPES = {"nasi": {"beras": 8_000}, "ayam opor": {"ayam": 9_000, "santan": 2_000}}


def day(number: int) -> date:
    """A day counted from the first Monday."""
    return MONDAY + timedelta(days=number)


def meal(number: int, dish: str = "Nasi", portions: int = 1_000, wave: str = "1") -> Meal:
    """A planned dish."""
    return Meal(id=f"{number:016x}", day=day(number), wave=wave, dish=dish, portions=portions)


def ahead(stock: int | None, plan: Plan = NO_PLAN, rates: Any = DAILY, item: str = "beras", **other: Any) -> Outlook:
    """The outlook of an item on the Monday."""
    supply = other.pop("supply", Supply())
    return look_ahead(item, stock, MONDAY, plan, rates, supply, **other)


# --- kitchen days and usual use -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("utc_hour", "day_of"), [(8, date(2025, 10, 9)), (9, date(2025, 10, 10)), (20, date(2025, 10, 10))]
)
def test_the_preparation_of_a_serving_day_begins_the_afternoon_before(utc_hour: int, day_of: date) -> None:
    """15:00 in Jakarta is still today's; 16:00 and 03:00 are the next serving day's."""
    assert PREPARATION_HOUR == 16
    assert kitchen_day(1_759_968_000_000 + utc_hour * 3_600_000, "Asia/Jakarta") == day_of


def weekly(weeks: int, amounts: list[int]) -> dict[date, int]:
    """What so many weeks before the Monday used, weekday by weekday; nothing on days without an amount."""
    return {
        day(7 * week - 7 * weeks + weekday): amount
        for week in range(weeks) for weekday, amount in enumerate(amounts) if amount
    }  # fmt: skip


def test_each_weekday_has_its_own_use_and_rests_are_seen() -> None:
    """Chicken on Wednesdays only: with enough weeks the other days take none, and Sundays are free."""
    rice = weekly(6, [10, 20, 30, 40, 50, 0, 0])
    rates = usual(rice, frozenset(rice), MONDAY)
    assert rates is not None
    assert [rate.likely for rate in rates] == [10, 20, 30, 40, 50, 0, 0]
    chicken = usual(weekly(6, [0, 0, 90, 0, 0, 0, 0]), frozenset(rice), MONDAY)
    assert chicken is not None
    assert [rate.likely for rate in chicken] == [0, 0, 90, 0, 0, 0, 0]


def test_a_young_kitchen_goes_by_all_its_days() -> None:
    """Two weeks are not enough to tell weekdays apart, but to see that nobody cooks on Sundays."""
    rice = weekly(2, [10, 20, 30, 40, 50, 0, 0])
    rates = usual(rice, frozenset(rice), MONDAY)
    assert rates is not None
    assert {rate.likely for rate in rates[:5]} == {30}
    assert {rate.likely for rate in rates[5:]} == {0}
    one_day = {day(-1): 12}
    rates = usual(one_day, frozenset(one_day), MONDAY)
    assert rates == (Rate(low=12, likely=12, high=12),) * 7, "one day says nothing of the others"


def test_one_feast_and_one_slip_change_little() -> None:
    """A day with a hundred times the usual counts as three usual ones; goods carried back are no use below zero."""
    rice = weekly(6, [10] * 5)
    rates = usual({**rice, day(-4): 1_000, day(-3): -5}, frozenset(rice), MONDAY)
    assert rates is not None
    assert 8 <= rates[3].likely <= 14
    assert rates[3].low <= rates[3].likely <= rates[3].high


def test_holidays_tell_nothing_of_a_week_of_school() -> None:
    """Weeks without any meal are left out; what was used longer ago than eight weeks too."""
    rice = {at: used for at, used in weekly(8, [10] * 5).items() if not day(-42) <= at < day(-14)}
    rates = usual(rice, frozenset(rice), MONDAY)
    assert rates is not None
    assert [rate.likely for rate in rates] == [10] * 5 + [0] * 2
    old = {day(-57): 10}
    assert usual(old, frozenset(old), MONDAY) is None
    assert usual({MONDAY: 10}, frozenset({MONDAY}), MONDAY) is None, "today is not over"


def test_a_new_item_is_not_thinned_by_the_days_before_it() -> None:
    """Somebody began to buy tempeh last week: the five weeks before it do not count as weeks without it."""
    rice = weekly(6, [10] * 5)
    rates = usual(weekly(1, [7] * 5), frozenset(rice), MONDAY)
    assert rates is not None
    assert rates[0].likely == 7


# --- what a day takes -----------------------------------------------------------------------------------------------


def test_the_plan_counts_where_there_is_one_and_the_usual_use_elsewhere() -> None:
    """Planned days take what the recipes say, rounded up once; unplanned ones the usual; what no recipe names, too."""
    plan = plan_of([meal(0), meal(0, "  NASI ", 501, "2"), meal(1, "Ayam opor", 100)], RECIPES)
    rice = ahead(10**6, plan)
    assert [want.likely for want in rice.wants[:3]] == [80_000 + 40_080, 0, 10]
    assert [want.planned for want in rice.wants[:3]] == [120_080, 0, 0]
    assert rice.basis == "plan+use"
    oil = ahead(10**6, plan, item="minyak")
    assert [want.likely for want in oil.wants[:3]] == [10, 10, 10]
    assert oil.basis == "use"
    assert ahead(10**6, plan, None, "ayam").basis == "plan"


def test_a_dish_without_a_recipe_is_a_gap_and_never_makes_a_day_cheaper() -> None:
    """The day takes at least the usual."""
    plan = plan_of([meal(0, portions=1), meal(0, "Soto")], {"nasi": {"beras": 100}})
    assert plan.gaps == {MONDAY: ("Soto",)}
    assert ahead(100, plan).wants[0].likely == 10
    assert ahead(100, plan_of([meal(0, portions=1)], {"nasi": {"beras": 100}})).wants[0].likely == 1


def test_what_was_used_today_is_taken_off() -> None:
    """At noon the day's rice has left the store already; more than planned is not given back."""
    plan = plan_of([meal(0)], RECIPES)
    assert ahead(100, plan, used_today=30_000).wants[0].likely == 50_000
    assert ahead(100, plan, used_today=90_000).wants[0].likely == 0


# --- how long it lasts ----------------------------------------------------------------------------------------------


def test_the_day_it_runs_out_and_its_spread() -> None:
    """45 at 10 a day: enough for four days, not for the fifth; sooner at 12, later at 8."""
    one = ahead(45)
    assert (one.days_left, one.runs_out, one.earliest, one.latest) == (4, day(4), day(3), day(5))
    assert (one.order_by, one.buy_from) == (day(1), None)
    assert one.order_amount == 5 + 6 * 10, "a week's, less what is left"
    assert ahead(10 * HORIZON_DAYS).runs_out is None


@pytest.mark.parametrize("stock", [None, 0, -3])
def test_unknown_is_not_zero_and_never_enough(stock: int | None) -> None:
    """What was never booked has no day; what the book calls empty or less runs out today."""
    one = ahead(stock)
    assert one.known is (stock is not None)
    assert one.runs_out == (None if stock is None else MONDAY)
    assert ahead(stock, NO_PLAN, None).known is False, "nor is a stock of which nobody knows the use"


def test_a_menu_alone_tells_nothing_of_the_days_after_it() -> None:
    """Rice for the planned days is not rice for two months: no end is in sight only where the usual use is known."""
    plan = plan_of([meal(0), meal(3)], RECIPES)
    one = ahead(10**6, plan, None)
    assert (one.runs_out, one.foreseen_to, standing(one, MONDAY)) == (None, day(3), "lasts")
    assert standing(ahead(10**6, plan), MONDAY) == "enough"
    assert standing(ahead(10**6, NO_PLAN, None), MONDAY) == "unknown"
    assert standing(ahead(None, plan), MONDAY) == "unknown"
    assert standing(ahead(0, plan), MONDAY) == "low"


def test_what_expires_first_is_used_first_and_does_not_count_afterwards() -> None:
    """30 of 50 expire on the third day: 20 of them were used, 10 are lost, the other 20 last two more days."""
    lots = [DatedLot(until=day(2), left=30)]
    one = ahead(50, lots=lots)
    assert (one.runs_out, one.expiring) == (day(4), 10)
    assert ahead(20, lots=[DatedLot(until=day(-1), left=20)]).runs_out == MONDAY
    # More in dated lots than in the book: what expires first was used, as the kitchen's rule is.
    assert ahead(20, lots=[DatedLot(until=day(-1), left=20), DatedLot(until=day(30), left=20)]).runs_out == day(2)


def test_an_open_order_counts_from_the_day_after_it() -> None:
    """It comes in the morning of its day; what was to come last week did not."""
    assert ahead(20, orders=[Order(day=day(1), amount=20)]).runs_out == day(4)
    assert ahead(20, orders=[Order(day=day(2), amount=20)]).runs_out == day(2), "a day too late for the third day"
    assert ahead(20, orders=[Order(day=day(-2), amount=20)]).runs_out == day(2)
    fresh = Supply(shelf_life_days=1)
    assert ahead(10, orders=[Order(day=MONDAY, amount=90)], supply=fresh).runs_out == day(2)


def test_fresh_food_is_bought_from_h_2_and_for_two_days() -> None:
    """Rice is ordered for a week; chicken only for what may be bought at once; both must be there the day before."""
    chicken = ahead(45, supply=Supply(shelf_life_days=2, lead_days=1))
    assert (chicken.runs_out, chicken.buy_from, chicken.order_by) == (day(4), day(2), day(2))
    assert chicken.order_amount == 5 + 10
    assert ahead(45, supply=Supply(shelf_life_days=180, minimum=7)).order_amount == 65 + 7


AMOUNT = st.integers(0, 400)
PORTIONS = st.lists(st.integers(0, 300), min_size=0, max_size=HORIZON_DAYS)
LOTS = st.lists(st.builds(DatedLot, until=st.integers(-3, 70).map(day), left=st.integers(0, 100)), max_size=5)
ORDERS = st.lists(st.builds(Order, day=st.integers(-3, 70).map(day), amount=st.integers(0, 100)), max_size=4)


def menu(portions: list[int]) -> Plan:
    """A plan of so many portions on the following days."""
    return plan_of([meal(n, portions=count) for n, count in enumerate(portions)], {"nasi": {"beras": 10}})


def later(one: date | None, other: date | None) -> bool:
    """Whether ``one`` is not before ``other``; never is the latest."""
    return (one or date.max) >= (other or date.max)


@given(AMOUNT, AMOUNT, PORTIONS, LOTS, ORDERS)
def test_more_stock_never_runs_out_earlier(
    stock: int, more: int, portions: list[int], lots: list[DatedLot], orders: list[Order]
) -> None:
    """Whatever expires or comes: nor is it earlier in the worse or the better case, which lie on both sides."""
    less, much = (ahead(n, menu(portions), lots=lots, orders=orders) for n in (stock, stock + more))
    for which in ("runs_out", "earliest", "latest"):
        assert later(getattr(much, which), getattr(less, which))
    assert later(less.runs_out, less.earliest)
    assert later(less.latest, less.runs_out)
    assert (low(much, MONDAY) is None) or (low(less, MONDAY) is not None)


@given(AMOUNT, PORTIONS, st.integers(0, HORIZON_DAYS - 1), st.integers(1, 200), LOTS, ORDERS)
def test_more_planned_use_never_lasts_longer(
    stock: int, portions: list[int], where: int, more: int, lots: list[DatedLot], orders: list[Order]
) -> None:
    """More portions of a planned dish, or a second dish on its day."""
    if not portions:
        return
    at = where % len(portions)
    grown = [count + more * (n == at) for n, count in enumerate(portions)]
    before, after = (ahead(stock, menu(one), lots=lots, orders=orders) for one in (portions, grown))
    for which in ("runs_out", "earliest", "latest"):
        assert later(getattr(before, which), getattr(after, which))


@given(AMOUNT, PORTIONS, LOTS)
def test_a_later_day_never_has_more_and_nothing_is_lost(stock: int, portions: list[int], lots: list[DatedLot]) -> None:
    """Without deliveries the stock only falls, and every gram is used, expired or left."""
    one = ahead(stock, menu(portions), lots=lots)
    left = [stock, *[end.left for end in one.days]]
    assert left == sorted(left, reverse=True)
    used, expired = sum(end.used for end in one.days), sum(end.expired for end in one.days)
    assert used + expired + one.days[-1].left == stock
    assert used + sum(end.short for end in one.days) == sum(want.likely for want in one.wants)
    if one.runs_out is None:
        assert used == sum(want.likely for want in one.wants), "what was planned is what is consumed"


@given(AMOUNT, PORTIONS, LOTS, ORDERS)
def test_the_same_figures_give_the_same_estimate(
    stock: int, portions: list[int], lots: list[DatedLot], orders: list[Order]
) -> None:
    """In whatever order lots and orders are told."""
    one, two = (
        ahead(stock, menu(portions), lots=some_lots, orders=some_orders)
        for some_lots, some_orders in ((lots, orders), (lots[::-1], orders[::-1]))
    )
    assert one == two


def test_ends_of_days_are_told_one_by_one() -> None:
    """The sums above are of something."""
    days = deplete(15, [DatedLot(until=day(1), left=9)], [(day(n), 5) for n in range(3)])
    assert days == [
        DayLeft(day=day(0), wanted=5, used=5, expired=0, left=10),
        DayLeft(day=day(1), wanted=5, used=5, expired=4, left=1),
        DayLeft(day=day(2), wanted=5, used=1, expired=0, left=0),
    ]


# --- what is missing, and when it is told ---------------------------------------------------------------------------


def test_needs_are_the_plans_first_and_unknown_stock_has_no_amount() -> None:
    """What the menu lacks within the days, by the day before it; the usual use is an estimate and asks for nothing."""
    plan = plan_of([meal(1), meal(2), meal(9), meal(3, "Ayam opor", 100)], RECIPES)
    outlooks = {
        "beras": ahead(90_000, plan, None),
        "ayam": ahead(None, plan, None, "ayam", supply=Supply(shelf_life_days=2, lead_days=0)),
        "santan": ahead(2_000, plan, None, "santan"),
        "garam": ahead(5, NO_PLAN, None, "garam", supply=Supply(minimum=20)),
        "minyak": ahead(0, plan, item="minyak"),
    }
    found = needs(outlooks, 7)
    assert [(need.item, need.amount, need.planned, need.day, need.by) for need in found] == [
        ("beras", 70_000, 160_000, day(2), day(1)), ("ayam", None, 9_000, day(3), day(2)),
        ("garam", 15, 0, None, None),
    ]  # fmt: skip
    assert (found[1].buy_from, found[1].order_by) == (day(1), day(2))
    assert [need.amount for need in needs(outlooks, 10) if need.item == "beras"] == [150_000]


def test_low_begins_on_the_day_to_order_and_ends_only_when_it_is_clear() -> None:
    """One day to spare and a twentieth above the minimum: nothing flaps between the two."""
    one = ahead(45)
    assert one.order_by == day(1)
    assert [low(one, day(n)) for n in (0, 1, 5)] == [None, RUNS_OUT, RUNS_OUT]
    assert [covered(one, day(n)) for n in (-1, 0, 1)] == [True, False, False]
    few = Supply(minimum=1_000)
    assert low(ahead(999, supply=few), MONDAY) == MINIMUM
    assert [covered(ahead(n, supply=few), MONDAY) for n in (999, 1_000, 1_049, 1_050)] == [False, False, False, True]
    unknown = ahead(None)
    assert (low(unknown, MONDAY), covered(unknown, MONDAY)) == (None, False)


@given(AMOUNT, PORTIONS, st.integers(-5, 70), st.none() | AMOUNT)
def test_nothing_is_low_and_covered_at_once(stock: int, portions: list[int], at: int, minimum: int | None) -> None:
    """Or an incident would open and close at every look."""
    one = ahead(stock, menu(portions), supply=Supply(minimum=minimum))
    assert low(one, day(at)) is None or not covered(one, day(at))


# --- a month of a kitchen -------------------------------------------------------------------------------------------

# What each weekday takes, in kg: a menu of two chicken and two egg days a week.
WEEK_KG = {"beras": [240, 240, 200, 240, 240, 0, 0], "ayam": [0, 270, 0, 0, 270, 0, 0],
           "telur": [150, 0, 0, 180, 0, 0, 0]}  # fmt: skip
MONTHS = 200


def month(chance: random.Random, item: str, *, planned: bool) -> tuple[int, bool]:
    """A kitchen's thirty days behind it, some days ahead: how many of the item's servings the estimate was off, and
    whether what came lies between the earliest and the latest that were told."""

    def takes(name: str, number: int) -> int:
        grams = WEEK_KG[name][number % 7] * 1_000
        return round(grams * chance.uniform(0.94, 1.06)) if grams else 0

    past = {name: {day(n): takes(name, n) for n in range(-30, 0) if WEEK_KG[name][n % 7]} for name in WEEK_KG}
    served = frozenset(at for used in past.values() for at in used)
    future = [takes(item, n) for n in range(40)]
    stock = chance.randint(100_000, sum(future[:14]))
    true = next(n for n in range(40) if sum(future[: n + 1]) > stock)
    plan = NO_PLAN
    if planned:
        dishes = [meal(n, f"{name} {n % 7}") for n in range(28) for name in WEEK_KG if WEEK_KG[name][n % 7]]
        of_dish = {f"{name} {n}": {name: WEEK_KG[name][n] * 100} for name in WEEK_KG for n in range(7)}
        plan = plan_of(dishes, of_dish)
    one = ahead(stock, plan, usual(past[item], served, MONDAY), item)
    assert one.runs_out is not None
    told, off = one.days_left or 0, 0
    for n in range(min(told, true), max(told, true)):
        off += WEEK_KG[item][n % 7] > 0
    between = (one.earliest or day(99)) <= day(true) <= (one.latest or day(99))
    return off, between


@pytest.mark.parametrize(("planned", "exact", "between"), [(False, 0.9, 0.95), (True, 0.9, 0.99)])
@pytest.mark.parametrize("item", sorted(WEEK_KG))
def test_the_end_of_a_stock_is_foreseen(item: str, planned: bool, exact: float, between: float) -> None:
    """Within a fortnight, with portions that vary by 6 % from day to day: never off by more than one serving of the
    item; exactly right, and between the earliest and latest day that were told, at least as often as stated."""
    chance = random.Random(7)
    found = [month(chance, item, planned=planned) for _ in range(MONTHS)]
    assert max(off for off, _ in found) <= 1
    shares = (sum(off == 0 for off, _ in found) / MONTHS, sum(inside for _, inside in found) / MONTHS)
    assert shares[0] >= exact
    assert shares[1] >= between
