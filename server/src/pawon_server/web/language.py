"""How a page speaks: words from gettext catalogues, numbers, ages and times as people of that language write them.

The source text is Indonesian; ``locale/en`` translates it. Catalogues are read from ``.po`` directly, so that there is
no compiled file to forget. Nothing here knows a page or judges a value.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from babel.dates import get_month_names
from babel.messages.pofile import read_po
from babel.numbers import get_decimal_symbol, get_group_symbol

from ..stock.days import local_time

Language = Literal["id", "en"]
LANGUAGES: tuple[Language, ...] = ("id", "en")
DEFAULT: Language = "id"
LOCALE = Path(__file__).parent / "locale"

MINUS = "−"
SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000
# Below this an age is "just now": the figure would only flicker.
JUST_NOW_MS = 2 * SECOND
# Indonesia has three zones, no summer time, and calls them by these names in both languages.
ZONES: Mapping[str, str] = MappingProxyType(
    {
        "Asia/Jakarta": "WIB",
        "Asia/Pontianak": "WIB",
        "Asia/Makassar": "WITA",
        "Asia/Ujung_Pandang": "WITA",
        "Asia/Jayapura": "WIT",
    }
)


def read_catalogue(path: Path) -> dict[str, str]:
    """The translations in one ``.po`` file; untranslated and fuzzy entries are left out and fall back to the source."""
    with path.open("rb") as file:
        catalogue = read_po(file)
    return {
        message.id: message.string
        for message in catalogue
        if isinstance(message.id, str)
        and isinstance(message.string, str)
        and message.id
        and message.string
        and not message.fuzzy
    }


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Speech:
    """One language. ``decimal`` and ``group`` are its signs within numbers; ``months`` twelve short names."""

    language: Language
    catalogue: Mapping[str, str]
    decimal: str
    group: str
    months: tuple[str, ...]

    def gettext(self, source: str) -> str:
        """``source`` in this language."""
        return self.catalogue.get(source, source)

    def number(self, value: float, decimals: int = 0, *, signed: bool = False) -> str:
        """``3.000`` or ``4,5`` in Indonesian; a true minus sign, and never a minus before nought."""
        digits = f"{abs(value):,.{decimals}f}"
        nought = not digits.strip("0.,")
        written = digits.replace(",", "\0").replace(".", self.decimal).replace("\0", self.group)
        sign = "" if nought else MINUS if value < 0 else "+" if signed else ""
        return sign + written

    def reading(self, value: float, quantity: str, unit: str) -> tuple[str, str]:
        """Number and unit of a measurement as shown large: grams as kilograms, switches as a word without a unit."""
        _ = self.gettext
        if quantity == "mass_g":
            return self.number(value / 1000, 2), "kg"
        if quantity == "door":
            return (_("terbuka") if value else _("tertutup")), ""
        if quantity == "power":
            return (_("menyala") if value else _("padam")), ""
        return self.number(value, 0 if quantity == "humidity_percent" else 1), unit

    def limit(self, value: float, unit: str) -> str:
        """A limit: as many decimals as it has, at most two."""
        scaled, name = (value / 1000, "kg") if unit == "g" else (value, unit)
        decimals = next(n for n in (0, 1, 2) if n == 2 or abs(round(scaled, n) - scaled) < 1e-9)
        return f"{self.number(scaled, decimals)} {name}".strip()

    def amount(self, amount: int, unit: str, *, signed: bool = False) -> str:
        """A book amount in the item's base unit, shown in the unit people use: kg, L, or pieces."""
        if unit == "g":
            return f"{self.number(amount / 1000, 2, signed=signed)} kg"
        if unit == "ml":
            return f"{self.number(amount / 1000, 2, signed=signed)} L"
        name = self.gettext("buah") if unit == "piece" else unit
        return f"{self.number(amount, 0, signed=signed)} {name}"

    def mass(self, mass_g: float, *, signed: bool = False) -> str:
        """A mass as a scale's division asks: grams below a kilogram, else kilograms with what decimals it has."""
        scaled, unit, most = (mass_g / 1000, "kg", 3) if abs(mass_g) >= 1000 else (mass_g, "g", 1)
        decimals = next(n for n in range(most + 1) if n == most or abs(round(scaled, n) - scaled) < 1e-9)
        return f"{self.number(scaled, decimals, signed=signed)} {unit}"

    def span(self, span_ms: int) -> str:
        """A length of time in its two largest units: ``1 jam 5 menit``."""
        _ = self.gettext
        span_ms = max(0, span_ms)
        if span_ms < MINUTE:
            return _("{s} detik").format(s=span_ms // SECOND)
        if span_ms < HOUR:
            return _("{m} menit").format(m=span_ms // MINUTE)
        if span_ms < DAY:
            whole, rest = span_ms // HOUR, span_ms % HOUR // MINUTE
            return (_("{h} jam {m} menit") if rest else _("{h} jam")).format(h=whole, m=rest)
        whole, rest = span_ms // DAY, span_ms % DAY // HOUR
        return (_("{d} hari {h} jam") if rest else _("{d} hari")).format(d=whole, h=rest)

    def ago(self, age_ms: int) -> str:
        """How long ago, in the largest unit only: ``3 detik lalu``."""
        _ = self.gettext
        whole = age_ms - age_ms % (DAY if age_ms >= DAY else HOUR if age_ms >= HOUR else 1)
        return _("baru saja") if age_ms < JUST_NOW_MS else _("{span} lalu").format(span=self.span(whole))

    def clock(self, at_ms: int, zone: str, *, seconds: bool = False) -> str:
        """Time of day in the kitchen."""
        return local_time(at_ms, zone).strftime("%H:%M:%S" if seconds else "%H:%M")

    def day(self, at_ms: int, zone: str) -> str:
        """Day and month in the kitchen: ``22 Nov``."""
        local = local_time(at_ms, zone)
        return f"{local.day} {self.months[local.month - 1]}"

    def date(self, iso: str) -> str:
        """A local day that is written ``YYYY-MM-DD``: ``22 Nov 2025``."""
        day = dt.date.fromisoformat(iso)
        return f"{day.day} {self.months[day.month - 1]} {day.year}"


def zone_label(zone: str, at_ms: int) -> str:
    """WIB, WITA or WIT; elsewhere the offset from UTC then."""
    if zone in ZONES:
        return ZONES[zone]
    offset = local_time(at_ms, zone).utcoffset() or dt.timedelta()
    minutes = int(offset.total_seconds() // 60)
    sign = MINUS if minutes < 0 else "+"
    return f"UTC{sign}{abs(minutes) // 60}" + (f":{abs(minutes) % 60:02d}" if minutes % 60 else "")


@cache
def load_speeches(folder: Path = LOCALE) -> Mapping[Language, Speech]:
    """Every language, read once for all pages."""
    speeches: dict[Language, Speech] = {
        language: Speech(
            language=language,
            catalogue=MappingProxyType(read_catalogue(folder / language / "LC_MESSAGES" / "pawon.po")),
            decimal=get_decimal_symbol(language),
            group=get_group_symbol(language),
            months=tuple(get_month_names("abbreviated", locale=language)[month] for month in range(1, 13)),
        )
        for language in LANGUAGES
    }
    return MappingProxyType(speeches)
