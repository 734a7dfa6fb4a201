"""Barcodes: GS1's own examples first, then what each identifier says, then properties."""

from __future__ import annotations

from datetime import date, time
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pawon_server.stock.gs1 import GS, MAX_SIGNS, Marked, Problem, check_digit_fits, gtin_14, read_barcode
from pawon_server.stock.gs1_ais import SHAPES

TODAY = date(2025, 10, 9)
SIGNS = "!\"%&'*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"


def said(marked: Marked) -> dict[str, Any]:
    """The fields that are not as in an empty answer."""
    empty = Marked()
    return {
        name: getattr(marked, name)
        for name in Marked.__struct_fields__
        if getattr(marked, name) != getattr(empty, name)
    }


# From the tests of GS1's own Barcode Syntax Engine (github.com/gs1/gs1-syntax-engine, src/c-lib/scandata.c,
# test_scandata_generateScanData and test_scandata_processScanData), as a scanner sends them.
GS1_EXAMPLES: list[tuple[str, dict[str, Any]]] = [
    ("]Q3011231231231233310ABC123\x1d99TESTING",
     {"gtin": "12312312312333", "lot": "ABC123", "unknown": (("99", "TESTING"),)}),
    ("]Q3011231231231233310ABC123\x1d99TESTING\x1d",
     {"gtin": "12312312312333", "lot": "ABC123", "unknown": (("99", "TESTING"),)}),
    ("]d2011231231231233310ABC123\x1d99TESTING",
     {"gtin": "12312312312333", "lot": "ABC123", "unknown": (("99", "TESTING"),)}),
    ("]J1011231231231233310ABC123\x1d99TESTING",
     {"gtin": "12312312312333", "lot": "ABC123", "unknown": (("99", "TESTING"),)}),
    ("]C1011231231231233310ABC123\x1d99TESTING",
     {"gtin": "12312312312333", "lot": "ABC123", "unknown": (("99", "TESTING"),)}),
    ("]e0011231231231233310ABC123\x1d99TESTING\x1d98COMPOSITE\x1d97XYZ",
     {"gtin": "12312312312333", "lot": "ABC123",
      "unknown": (("99", "TESTING"), ("98", "COMPOSITE"), ("97", "XYZ"))}),
    ("]e0011231231231233310ABC123\x1d1199122598COMPOSITE\x1d97XYZ",
     {"gtin": "12312312312333", "lot": "ABC123", "produced": date(1999, 12, 25),
      "unknown": (("98", "COMPOSITE"), ("97", "XYZ"))}),
    ("]e0012401234567890599COMPOSITE\x1d98XYZ",
     {"gtin": "24012345678905", "unknown": (("99", "COMPOSITE"), ("98", "XYZ"))}),
    ("]e0011501234567890799COMPOSITE\x1d98XYZ",
     {"gtin": "15012345678907", "unknown": (("99", "COMPOSITE"), ("98", "XYZ"))}),
    ("]E00416000336108|]e099COMPOSITE\x1d98XYZ",
     {"gtin": "00416000336108", "unknown": (("99", "COMPOSITE"), ("98", "XYZ"))}),
    ("]E00001234000057|]e099COMPOSITE\x1d98XYZ",
     {"gtin": "00001234000057", "unknown": (("99", "COMPOSITE"), ("98", "XYZ"))}),
    ("]E02112345678900", {"gtin": "02112345678900"}),
    ("]E402345673", {"gtin": "00000002345673"}),
    ("", {"problems": (Problem(at=0, code="empty"),)}),
    ("ABC", {"problems": (Problem(at=0, code="identifier"),)}),
    ("]", {"problems": (Problem(at=1, code="empty"),)}),
    ("]X", {"problems": (Problem(at=2, code="empty"),)}),
    ("]e0", {"problems": (Problem(at=3, code="empty"),)}),
    ("]Q1TESTING", {"problems": (Problem(at=0, code="not-gs1"),)}),
    ("]E012345678901234", {"problems": (Problem(at=3, code="check-digit", ai="01"),)}),
    ("]E01234ABC890123", {"problems": (Problem(at=3, code="digits"),)}),
    ("]E02112345678901", {"problems": (Problem(at=3, code="check-digit", ai="01"),)}),
    ("]E41234567", {"problems": (Problem(at=3, code="length"),)}),
    ("]E402345674", {"problems": (Problem(at=3, code="check-digit", ai="01"),)}),
]  # fmt: skip


@pytest.mark.parametrize(("text", "fields"), GS1_EXAMPLES)
def test_gs1s_own_examples(text: str, fields: dict[str, Any]) -> None:
    """What GS1's reference program reads is read, and what it rejects is a named problem."""
    assert said(read_barcode(text, TODAY)) == fields


@pytest.mark.parametrize(
    ("number", "fits"),
    [
        # The same file, test_scandata_validateParity.
        ("24012345678905", True), ("24012345678909", False), ("2112233789657", True), ("2112233789658", False),
        ("416000336108", True), ("416000336107", False), ("02345680", True), ("02345689", False),
        # https://www.gs1.org/services/how-calculate-check-digit-manually, as github.com/lloricode/check-digit has it.
        ("6291041500213", True), ("96385272", True), ("917394563212", True), ("75395145284236", True),
        ("951356230501236986", True),
    ],
)  # fmt: skip
def test_published_check_digits(number: str, fits: bool) -> None:
    """The check digit of GS1's examples, in every length."""
    assert check_digit_fits(number) is fits
    if len(number) <= 14:
        assert gtin_14(number) == (number.zfill(14) if fits else "")


EVERY_IDENTIFIER: list[tuple[str, str, dict[str, Any]]] = [
    ("00", "106141411234567897", {"sscc": "106141411234567897"}),
    ("01", "08991234567891", {"gtin": "08991234567891"}),
    ("02", "08991234567891", {"contained": "08991234567891"}),
    ("10", "AYM-0127", {"lot": "AYM-0127"}),
    ("11", "251008", {"produced": date(2025, 10, 8)}),
    ("13", "251008", {"packed": date(2025, 10, 8)}),
    ("15", "260200", {"best_before": date(2026, 2, 28)}),
    ("17", "240200", {"expires": date(2024, 2, 29)}),
    ("17", "750101", {"expires": date(2075, 1, 1)}),
    ("17", "760101", {"expires": date(1976, 1, 1)}),
    ("30", "12", {"count": 12}),
    ("3100", "000012", {"net_g": 12_000}),
    ("3103", "001234", {"net_g": 1_234}),
    ("3103", "012500", {"net_g": 12_500}),
    ("3105", "000150", {"net_g": 2}),
    ("37", "24", {"count": 24}),
    ("414", "6291041500213", {"gln": "6291041500213"}),
    ("7003", "2601310630", {"expires": date(2026, 1, 31), "expires_at": time(6, 30)}),
    ("21", "S-1", {"unknown": (("21", "S-1"),)}),
    ("3203", "001234", {"unknown": (("3203", "001234"),)}),
    ("8200", "https:a", {"unknown": (("8200", "https:a"),)}),
]


@pytest.mark.parametrize(("ai", "content", "fields"), EVERY_IDENTIFIER)
def test_every_identifier_in_both_forms(ai: str, content: str, fields: dict[str, Any]) -> None:
    """Bracketed and as scanned, alone and before another element."""
    lot = {} if "lot" in fields else {"lot": "L1"}
    separator = "" if SHAPES[ai].predefined else GS
    for text in (f"({ai}){content}", f"]C1{ai}{content}", f"]C1({ai}){content}"):
        assert said(read_barcode(text, TODAY)) == fields, text
    if lot:
        for text in (f"({ai}){content}(10)L1", f"{GS}{ai}{content}{separator}10L1"):
            assert said(read_barcode(text, TODAY)) == {**fields, **lot}, text


def test_a_scanner_that_drops_the_leading_nought_of_a_upc() -> None:
    """Twelve digits are taken for what they are, whatever stands in front: GS1's program wants thirteen."""
    for text in ("123456789012", "]E0123456789012"):
        assert said(read_barcode(text, TODAY)) == {"gtin": "00123456789012"}


def test_the_label_of_a_sack() -> None:
    """Number, expiry, weight and lot of one delivery, as text and from a wedge scanner without identifier."""
    whole = {
        "gtin": "08991234567891", "expires": date(2026, 1, 31), "net_g": 12_500, "lot": "AYM-0127"
    }  # fmt: skip
    assert said(read_barcode("(01)08991234567891(17)260131(3103)012500(10)AYM-0127", TODAY)) == whole
    assert said(read_barcode("010899123456789117260131310301250010AYM-0127\r\n", TODAY)) == whole


@pytest.mark.parametrize(
    ("text", "problems", "kept"),
    [
        ("(01)08991234567892(10)A", [(0, "check-digit", "01")], {"lot": "A"}),
        ("(17)261301(10)A", [(0, "date", "17")], {"lot": "A"}),
        ("(17)250229", [(0, "date", "17")], {}),
        ("(7003)2601310660", [(0, "time", "7003")], {}),
        ("(7003)2601000630", [(0, "date", "7003")], {}),
        ("(3106)001234(10)A", [(0, "identifier", "3106")], {"lot": "A"}),
        ("(10)A(66)B", [], {"lot": "A(66)B"}),
        ("(30)7(66)B(10)A", [(5, "identifier", "66")], {"lot": "A", "count": 7}),
        ("(10)A B", [(0, "sign", "10")], {}),
        ("(10)", [(0, "length", "10")], {}),
        ("(10)A(10)B", [(5, "twice", "10")], {"lot": "A"}),
        ("(10)A(10)A", [], {"lot": "A"}),
        ("(17)260131(7003)2601300600", [], {"expires": date(2026, 1, 30), "expires_at": time(6)}),
        ("(7003)2601300600(17)260131", [], {"expires": date(2026, 1, 30), "expires_at": time(6)}),
        ("(7003)2601310600(17)260130", [], {"expires": date(2026, 1, 30)}),
        ("(7003)2601310600(17)260131", [], {"expires": date(2026, 1, 31), "expires_at": time(6)}),
        ("]C1" "10" + "A" * 21, [(3, "length", "10")], {}),
        ("]C1660000\x1d10A", [(3, "identifier", "")], {"lot": "A"}),
        ("]C117260", [(3, "length", "17")], {}),
        ("]C13012\x1d17260131", [], {"count": 12, "expires": date(2026, 1, 31)}),
        ("4006381333932", [(0, "check-digit", "01")], {}),
        ("0" * (MAX_SIGNS + 1), [(MAX_SIGNS, "long", "")], {}),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_told_beside_what_does(
    text: str, problems: list[tuple[int, str, str]], kept: dict[str, Any]
) -> None:
    """A problem has a place and a name, and spoils nothing else."""
    found = read_barcode(text, TODAY)
    assert [(one.at, one.code, one.ai) for one in found.problems] == problems
    assert {name: value for name, value in said(found).items() if name != "problems"} == kept


@st.composite
def elements(draw: st.DrawFn) -> list[tuple[str, str]]:
    """Different identifiers that mean nothing to a kitchen, and lots, with contents that fit."""
    plain = [ai for ai in SHAPES if ai not in ("00", "01", "02", "11", "13", "15", "17", "414", "7003")]
    chosen = draw(st.lists(st.sampled_from(plain), min_size=1, max_size=6, unique=True))
    made = []
    for ai in chosen:
        shape = SHAPES[ai]
        alphabet = "0123456789" if shape.digits else SIGNS
        made.append((ai, draw(st.text(alphabet, min_size=shape.least, max_size=min(shape.most, 30)))))
    # The two kinds of count are one field.
    return [one for one in made if one[0] != "37" or "30" not in chosen]


@given(elements())
def test_both_forms_say_the_same(chosen: list[tuple[str, str]]) -> None:
    """Whatever is written into a code comes out of it, bracketed or scanned."""
    bracketed = read_barcode("".join(f"({ai}){content}" for ai, content in chosen), TODAY)
    raw = "".join(f"{ai}{content}{'' if SHAPES[ai].predefined else GS}" for ai, content in chosen)
    if len(raw) > MAX_SIGNS - 3:
        return
    scanned = read_barcode(f"]C1{raw}", TODAY)
    assert scanned == msgspec.structs.replace(bracketed, problems=scanned.problems)
    assert bracketed.problems == scanned.problems == ()
    known = dict(scanned.unknown)
    for ai, content in chosen:
        if ai == "10":
            assert scanned.lot == content
        elif ai not in ("30", "37") and not ai.startswith("310"):
            assert known[ai] == content


@given(st.text(max_size=MAX_SIGNS + 5))
def test_garbage_is_a_value(text: str) -> None:
    """Anything at all is answered, and every problem has a place within it."""
    for tried in (text, f"]C1{text}", f"]E0{text}", f"({text})"):
        for problem in read_barcode(tried, TODAY).problems:
            assert 0 <= problem.at <= len(tried)


@given(st.text("0123456789()]CdQeE \x1d", max_size=60), st.dates())
def test_what_looks_like_a_barcode_is_a_value(text: str, today: date) -> None:
    """The same for digits and brackets, on any day."""
    read_barcode(text, today)


@given(
    st.sampled_from([8, 12, 13, 14, 18]), st.text("0123456789", min_size=18, max_size=18), st.integers(0, 17),
    st.integers(1, 9),
)  # fmt: skip
def test_one_wrong_digit_is_rejected(length: int, digits: str, place: int, off: int) -> None:
    """Any single digit that was read wrongly breaks the check digit."""
    body = digits[: length - 1]
    number = next(f"{body}{last}" for last in range(10) if check_digit_fits(f"{body}{last}"))
    at = place % length
    wrong = number[:at] + str((int(number[at]) + off) % 10) + number[at + 1 :]
    assert check_digit_fits(number)
    assert not check_digit_fits(wrong)
    if length == 18:
        assert read_barcode(f"(00){wrong}", TODAY).sscc == ""
    else:
        assert read_barcode(wrong, TODAY).gtin == gtin_14(wrong) == ""
        assert read_barcode(number, TODAY).gtin == number.zfill(14)


@given(st.dates(date(1951, 1, 1), date(2199, 12, 31)), st.integers(-49 * 365, 49 * 365))
def test_a_date_is_within_fifty_years(today: date, days: int) -> None:
    """Whatever the century, the day that was meant is the day that is read."""
    meant = date.fromordinal(today.toordinal() + days)
    assert read_barcode(f"(17){meant:%y%m%d}", today).expires == meant
