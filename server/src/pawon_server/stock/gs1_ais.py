"""GS1 application identifiers and how long what follows them is: a table, and nothing else.

From the GS1 Barcode Syntax Dictionary (github.com/gs1/gs1-syntax-dictionary, gs1-syntax-dictionary.txt). A parser needs
the lengths of all of them, also of those that mean nothing to a kitchen, or it cannot tell where the next one begins.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Shape:
    """What follows an identifier: digits only or signs, and how many at least and at most. ``predefined``: the next
    element follows without a separator (GS1 General Specifications, predefined length of element strings)."""

    digits: bool
    least: int
    most: int
    predefined: bool = False


def _n(least: int, most: int | None = None, *, predefined: bool = False) -> Shape:
    return Shape(digits=True, least=least, most=least if most is None else most, predefined=predefined)


def _x(least: int, most: int) -> Shape:
    return Shape(digits=False, least=least, most=most)


# Measures: identifiers of four digits of which the last is the number of decimals, 0 to 5.
_MEASURES = (*range(310, 317), *range(320, 338), *range(340, 358), *range(360, 370))

SHAPES = MappingProxyType(
    {
        "00": _n(18, predefined=True), "01": _n(14, predefined=True), "02": _n(14, predefined=True), "10": _x(1, 20),
        **dict.fromkeys(("11", "12", "13", "15", "16", "17"), _n(6, predefined=True)),
        "20": _n(2, predefined=True), "21": _x(1, 20), "22": _x(1, 20), "235": _x(1, 28), "240": _x(1, 30),
        "241": _x(1, 30), "242": _n(1, 6), "243": _x(1, 20), "250": _x(1, 30), "251": _x(1, 30), "253": _x(13, 30),
        "254": _x(1, 20), "255": _n(13, 25), "30": _n(1, 8), "37": _n(1, 8),
        **{f"{family}{decimals}": _n(6, predefined=True) for family in _MEASURES for decimals in range(6)},
        **{f"{family}{decimals}": _n(1, 15) for family in (390, 392) for decimals in range(10)},
        **{f"{family}{decimals}": _n(4, 18) for family in (391, 393) for decimals in range(10)},
        **{f"394{decimals}": _n(4) for decimals in range(4)}, **{f"395{decimals}": _n(6) for decimals in range(6)},
        "400": _x(1, 30), "401": _x(1, 30), "402": _n(17), "403": _x(1, 30),
        **{str(location): _n(13, predefined=True) for location in range(410, 418)},
        "420": _x(1, 20), "421": _x(4, 12), "422": _n(3), "423": _n(3, 15), "424": _n(3), "425": _n(3, 15),
        "426": _n(3), "427": _x(1, 3),
        **dict.fromkeys(("4300", "4301", "4310", "4311", "4320"), _x(1, 35)),
        **dict.fromkeys(("4302", "4303", "4304", "4305", "4306", "4312", "4313", "4314", "4315", "4316"), _x(1, 70)),
        "4307": _x(2, 2), "4308": _x(1, 30), "4309": _n(20), "4317": _x(2, 2), "4318": _x(1, 20), "4319": _x(1, 30),
        "4321": _n(1), "4322": _n(1), "4323": _n(1), "4324": _n(10), "4325": _n(10), "4326": _n(6),
        **{f"433{which}": _x(6, 7) for which in range(4)},
        "7001": _n(13), "7002": _x(1, 30), "7003": _n(10), "7004": _n(1, 4), "7005": _x(1, 12), "7006": _n(6),
        "7007": _n(6, 12), "7008": _x(1, 3), "7009": _x(1, 10), "7010": _x(1, 2), "7011": _n(6, 10), "7020": _x(1, 20),
        "7021": _x(1, 20), "7022": _x(1, 20), "7023": _x(1, 30),
        **{f"703{which}": _x(4, 30) for which in range(10)}, "7040": _x(4, 4),
        **{f"71{which}": _x(1, 20) for which in range(6)},
        **{f"723{which}": _x(3, 30) for which in range(10)}, "7240": _x(1, 20), "7241": _n(2), "7242": _x(1, 25),
        "8001": _n(14), "8002": _x(1, 20), "8003": _x(14, 30), "8004": _x(1, 30), "8005": _n(6), "8006": _n(18),
        "8007": _x(1, 34), "8008": _n(8, 12), "8009": _x(1, 50), "8010": _x(1, 30), "8011": _n(1, 12),
        "8012": _x(1, 20), "8013": _x(1, 25), "8017": _n(18), "8018": _n(18), "8019": _n(1, 10), "8020": _x(1, 25),
        "8026": _n(18), "8030": _x(1, 90), "8110": _x(1, 70), "8111": _n(4), "8112": _x(1, 70), "8200": _x(1, 70),
        "90": _x(1, 30), **{str(inside): _x(1, 90) for inside in range(91, 100)},
    }
)  # fmt: skip
