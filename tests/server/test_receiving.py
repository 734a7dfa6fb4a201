"""The verdict on a delivery: each finding by its table, then what must hold for any."""

from __future__ import annotations

from datetime import date, timedelta
from string import Formatter
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pawon_server.rulebook import Item
from pawon_server.stock.days import local_date
from pawon_server.stock.purchase import Came, Supplier, meant_by, record_of, state_of
from pawon_server.stock.receiving import DIVISION_G, Delivery, Ordered, Seller, judge_receipt, owner_of
from pawon_server.stock.receiving_words import WORDS

TODAY = date(2025, 10, 9)
RICE = Item(id="beras", name="Beras")
SPINACH = Item(id="bayam", name="Bayam", food="vegetable", shelf_life_days=2)
EGGS = Item(id="telur", name="Telur", unit="piece", gtin=("8991234567891",))
MEAT = Item(id="daging", name="Daging", halal=True)
KNOWN = Seller(id="jaya")
KG = 1000


def delivery(**said: Any) -> Delivery:
    """Ten kilograms of rice from somebody known, with a year to go."""
    return Delivery(
        **{"item": RICE, "amount": 10 * KG, "day": TODAY, "seller": KNOWN, "expires": date(2026, 10, 9), **said}
    )


def found(one: Delivery, **how: Any) -> list[tuple[str, str]]:
    """Code and severity of all that is found."""
    return [(finding.code, finding.severity) for finding in judge_receipt(one, **how).findings]


def due(days: int) -> date:
    """A day from today."""
    return TODAY + timedelta(days=days)


ORDER = Ordered(supplier="jaya", item="beras", amount=10 * KG, due=TODAY)

CASES: list[tuple[dict[str, Any], list[tuple[str, str]]]] = [
    # Against the delivery note: the scale's division, half a percent, two percent, three for vegetables.
    ({}, []),
    ({"noted": 10 * KG}, []),
    ({"amount": 500, "noted": 520}, []),
    ({"amount": 500, "noted": 521}, [("short", "blocking")]),
    ({"amount": 19_900, "noted": 20_000}, []),
    ({"amount": 19_899, "noted": 20_000}, [("short-noted", "note")]),
    ({"amount": 19_600, "noted": 20_000}, [("short-noted", "note")]),
    ({"amount": 19_599, "noted": 20_000}, [("short", "blocking")]),
    ({"amount": 20_000, "noted": 19_850}, [("over-note", "note")]),
    ({"amount": 20_000, "noted": 18_000}, [("over-note", "warning")]),
    ({"item": SPINACH, "amount": 19_400, "noted": 20_000}, [("short-noted", "note")]),
    ({"item": SPINACH, "amount": 19_399, "noted": 20_000}, [("short", "blocking")]),
    ({"food": "leafy", "amount": 19_400, "noted": 20_000}, [("short-noted", "note")]),
    ({"item": EGGS, "amount": 299, "noted": 300}, []),
    ({"item": EGGS, "amount": 29, "noted": 30}, [("short", "blocking")]),
    # Against the order.
    ({"ordered": ORDER}, []),
    ({"ordered": ORDER, "amount": 9_800}, []),
    ({"ordered": ORDER, "amount": 9_799}, [("order-short", "note")]),
    ({"ordered": msgspec.structs.replace(ORDER, came=5 * KG), "amount": 5 * KG}, []),
    ({"ordered": msgspec.structs.replace(ORDER, came=5 * KG)}, [("order-over", "warning")]),
    ({"ordered": msgspec.structs.replace(ORDER, due=due(-2))}, [("order-late", "note")]),
    ({"ordered": msgspec.structs.replace(ORDER, cancelled=True)}, [("order-cancelled", "blocking")]),
    ({"ordered": msgspec.structs.replace(ORDER, item="ayam")}, [("order-item", "blocking")]),
    ({"ordered": msgspec.structs.replace(ORDER, supplier="lain")}, [("order-supplier", "warning")]),
    # The seller.
    ({"seller": None}, [("supplier-unknown", "note")]),
    ({"seller": Seller(id="jaya", blocked=True)}, [("supplier-blocked", "blocking")]),
    ({"seller": Seller(id="jaya", items=("ayam",))}, [("supplier-item", "note")]),
    ({"seller": Seller(id="jaya", items=("ayam", "beras"))}, []),
    # The certificate: seen, on record, over.
    ({"item": MEAT}, [("halal-unknown", "blocking")]),
    ({"item": MEAT, "halal": "yes"}, []),
    ({"item": MEAT, "halal": "no"}, [("halal-not-seen", "blocking")]),
    ({"item": MEAT, "seller": Seller(id="jaya", halal_until=TODAY)}, []),
    ({"item": MEAT, "seller": Seller(id="jaya", halal_until=due(-1))}, [("halal-over", "blocking")]),
    ({"item": MEAT, "seller": Seller(id="jaya", halal_until=due(-1)), "halal": "yes"}, [("halal-renewed", "warning")]),
    ({"item": MEAT, "seller": Seller(id="jaya", halal_until=due(9)), "halal": "no"}, [("halal-not-seen", "blocking")]),
    ({"halal": "no"}, []),
    # The barcode.
    ({"item": EGGS, "gtin": "8991234567891", "of_item": "telur"}, []),
    ({"gtin": "8991234567891", "of_item": "telur"}, [("gtin-other", "blocking")]),
    ({"item": EGGS, "gtin": "6291041500213"}, [("gtin-new", "note")]),
    ({"gtin": "6291041500213"}, []),
    # Dates.
    ({"expires": None}, [("expiry-unknown", "note")]),
    ({"expires": None, "point": "receiving-chilled"}, [("expiry-unknown", "warning")]),
    ({"expires": due(-1)}, [("expired", "blocking")]),
    ({"expires": TODAY}, []),
    ({"expires": due(1), "point": "receiving-chilled"}, [("short-life", "warning")]),
    ({"expires": due(2), "point": "receiving-chilled"}, []),
    ({"expires": due(20), "produced": due(-80)}, [("short-life", "warning")]),
    ({"expires": due(21), "produced": due(-79)}, []),
    ({"expires": due(1), "item": Item(id="susu", name="Susu", shelf_life_days=5)}, [("short-life", "warning")]),
    ({"item": SPINACH, "expires": None}, [("expiry-derived", "note")]),
    ({"item": SPINACH, "expires": None, "produced": due(-2)}, [("short-life", "warning"), ("expiry-derived", "note")]),
    ({"item": SPINACH, "expires": None, "produced": due(-3)}, [("expired", "blocking"), ("expiry-derived", "note")]),
    ({"produced": due(1)}, [("produced-odd", "warning")]),
    # The serving day: two days before it at the earliest.
    ({"for_day": due(2), "point": "receiving-chilled"}, []),
    ({"for_day": due(3), "point": "receiving-chilled"}, [("too-early", "blocking")]),
    ({"for_day": due(3)}, [("too-early", "note")]),
    ({"for_day": due(-1)}, [("serving-over", "warning")]),
    ({"for_day": due(2), "expires": due(1)}, [("expires-before", "blocking")]),
    ({"ordered": msgspec.structs.replace(ORDER, for_days=(due(1), due(4))), "point": "receiving-frozen"},
     [("too-early", "blocking")]),
    ({"ordered": msgspec.structs.replace(ORDER, for_days=(due(1), due(4))), "for_day": due(1)}, []),
]  # fmt: skip


@pytest.mark.parametrize(("said", "findings"), CASES)
def test_what_is_found(said: dict[str, Any], findings: list[tuple[str, str]]) -> None:
    """Each rule at both sides of its edge."""
    assert found(delivery(**said)) == findings


def test_every_finding_has_its_case_and_its_words() -> None:
    """Nothing can be found that is not said in both languages, and every sentence is filled by what was found."""
    cases = {code for _, findings in CASES for code, _ in findings}
    assert cases == set(WORDS)
    for said, _ in CASES:
        for one in judge_receipt(delivery(**said)).findings:
            for sentence in WORDS[one.code]:
                blanks = {name for _, name, _, _ in Formatter().parse(sentence) if name}
                assert blanks <= set(one.figures), (one.code, sentence)


@pytest.mark.parametrize("at_ms", [-(2**53), 2**53, 2**63 - 1])
def test_a_broken_clocks_delivery_has_a_day(at_ms: int) -> None:
    """One weighing of the year 287396 must not keep the suppliers' page from opening."""
    assert local_date(at_ms, "Asia/Jayapura") in (date(1970, 1, 1), date(2248, 9, 27))


def test_a_finer_scale_is_believed_more() -> None:
    """The division is the scale's own: what one of 20 g cannot tell, one of 1 g can."""
    short = delivery(amount=480, noted=500)
    assert found(short) == found(short, division_g=DIVISION_G) == []
    assert found(short, division_g=1) == [("short", "blocking")]
    oil = delivery(amount=478, noted=500, item=Item(id="minyak", name="Minyak", unit="ml", unit_g=0.92))
    assert found(oil) == [("short", "blocking")], "20 g are 21.7 ml, and 22 are more"
    assert found(msgspec.structs.replace(oil, amount=479)) == []


def test_the_last_day_is_the_labels_or_the_classs() -> None:
    """A label's date is kept, worse or better; without one the class of the item decides, and says so."""

    def last(**said: Any) -> tuple[date | None, bool]:
        made = judge_receipt(delivery(**said))
        return made.expires, made.derived

    assert last() == (date(2026, 10, 9), False)
    assert last(expires=None) == (None, False)
    assert last(item=SPINACH, expires=None) == (due(2), True)
    assert last(item=SPINACH, expires=None, produced=due(-1)) == (due(1), True)
    assert last(item=SPINACH, expires=None, produced=due(5)) == (due(2), True)
    assert last(item=SPINACH, expires=due(9)) == (due(9), False)
    assert last(item=SPINACH, expires=None, day=date(9999, 12, 31)) == (date(9998, 12, 31), True)


def test_a_barcode_is_known_in_every_length() -> None:
    """An item's number as EAN-13 is the same as with a nought in front; what is misread belongs to nobody."""
    items = [RICE, EGGS]
    assert [owner_of(gtin, items) for gtin in ("8991234567891", "08991234567891", "8991234567890", "")] == [
        "telur", "telur", "", "",
    ]  # fmt: skip


amounts = st.integers(1, 10**6)


@given(amounts, amounts, st.integers(0, 10**5), st.sampled_from([RICE, SPINACH, EGGS]))
def test_less_is_never_milder(noted: int, amount: int, less: int, item: Item) -> None:
    """Of two deliveries with the same note the lighter one is found at least as bad, once it is short at all."""
    order = ["", "short-noted", "short"]

    def gravity(came: int) -> int:
        codes = {code for code, _ in found(delivery(item=item, amount=came, noted=noted))}
        return max((order.index(code) for code in codes & set(order)), default=0)

    lighter = max(1, amount - less)
    assert gravity(lighter) >= gravity(amount)


@given(
    st.fixed_dictionaries(
        {}, optional={
            "item": st.sampled_from([RICE, SPINACH, EGGS, MEAT]), "amount": amounts, "noted": amounts,
            "day": st.dates(date(1970, 1, 1), date(2248, 1, 1)), "produced": st.none() | st.dates(),
            "expires": st.none() | st.dates(), "for_day": st.none() | st.dates(),
            "halal": st.sampled_from(["", "yes", "no"]), "seller": st.none() | st.just(KNOWN),
            "point": st.sampled_from(["", "receiving-chilled"]),
            "ordered": st.none() | st.builds(
                Ordered, supplier=st.just("jaya"), item=st.just("beras"), amount=amounts, due=st.dates(),
                for_days=st.lists(st.dates(), max_size=3).map(tuple), came=st.integers(0, 10**6),
            ),
        },
    )
)  # fmt: skip
def test_any_delivery_has_a_verdict(said: dict[str, Any]) -> None:
    """No date and no amount breaks it; the gravest comes first."""
    findings = [severity for _, severity in found(delivery(**said))]
    assert findings == sorted(findings, key=["blocking", "warning", "note"].index)


@pytest.mark.parametrize(
    ("came", "days", "cancelled", "state"),
    [
        (0, 0, False, "open"), (0, -1, False, "late"), (5_000, 0, False, "partly"), (5_000, -1, False, "late"),
        (9_800, -1, False, "received"), (9_799, 0, False, "partly"), (10_000, 0, False, "received"),
        (12_000, -5, False, "received"), (10_000, 0, True, "cancelled"), (0, -9, True, "cancelled"),
    ],
)  # fmt: skip
def test_how_far_an_order_has_come(came: int, days: int, cancelled: bool, state: str) -> None:
    """Open until something came, late from the day after, received when nobody would ask for the rest."""
    assert state_of(10_000, came, due(days), TODAY, RICE, cancelled=cancelled) == state


def test_whom_a_name_means() -> None:
    """Id or name, whatever the capitals and blanks; a part of a name means nobody."""
    suppliers = [Supplier(id="jaya", name="Ayam Jaya"), Supplier(id="tani", name="Tani Makmur")]
    for said in ("jaya", "JAYA", "ayam  jaya", " Ayam Jaya "):
        assert meant_by(said, suppliers) == suppliers[0], said
    for said in ("ayam", "", "Ayam Jaya 2"):
        assert meant_by(said, suppliers) is None, said


def test_a_suppliers_record() -> None:
    """Sums over what was noted in grams; nothing was promised where nothing was ordered."""
    base = Came(day=TODAY, accepted=True, too_warm=False, in_grams=True)
    change = msgspec.structs.replace
    record = record_of([
        change(base, noted=10_000, short=300, due=TODAY), change(base, noted=10_000, short=-100, due=due(-1)),
        change(base, noted=30, short=10, in_grams=False), change(base, accepted=False, too_warm=True, blocking=2),
    ])  # fmt: skip
    assert (record.deliveries, record.refused, record.too_warm, record.blocking) == (4, 1, 1, 1)
    assert (record.ordered, record.on_time) == (2, 1)
    assert (record.noted_g, record.short_g, record.short_percent) == (20_000, 200, 1.0)
    assert record_of([]).short_percent is None
