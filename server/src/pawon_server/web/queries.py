"""The questions that screens and the API ask of the store. Reading only; every list is bounded."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, func, or_, select

from pawon_contract.units import QUANTITIES
from pawon_food_safety.finding import words as words_of
from pawon_food_safety.rows import UNITS

from ..food_safety import batch_clock
from ..food_safety.batch import Batch
from ..food_safety.batch_clock import steps
from ..food_safety.incident import FOOD_KINDS
from ..projections.calibrations import REJECTED, instruments
from ..projections.completeness import MINUTE_MS, day_of
from ..projections.excursions import KINDS
from ..projections.incident_acts import Story, acts_of, stories
from ..rulebook import Rulebook
from ..stock import accounts
from ..store.stock_tables import ledger_line, movement
from ..store.tables import batch, gateway, incident, person
from .dates import NO_SPAN, Dates
from .view import BatchView, IncidentView, MovementView, StepView, StockView

MAX_OPEN_SHOWN = 50
MAX_RECENT_SHOWN = 12
MAX_MOVEMENTS_SHOWN = 8
MAX_BATCHES_SHOWN = 40
# How people are called before their name; no names.
TITLES = frozenset({"pak", "bapak", "ibu", "mas", "mbak", "bang", "kak", "haji"})
# Faults that whoever stands at the scale can mend.
SCALE_FAULTS = frozenset({"no_zero", "overload", "underload"})


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayRow:
    """What the record knows of a gateway."""

    clock: str
    upto: int
    delay_ms: int
    received_ms: int
    refused: int


def incidents_shown(connection: Connection, book: Rulebook) -> tuple[list[IncidentView], list[IncidentView]]:
    """The open incidents, worst and food first, and the newest closed ones."""
    here = incident.c.kitchen == book.settings.kitchen
    still_open = connection.execute(
        select(incident)
        .where(here, incident.c.closed_ms.is_(None))
        .order_by(incident.c.opened_ms.desc())
        .limit(MAX_OPEN_SHOWN)
    ).all()
    closed = connection.execute(
        select(incident)
        .where(here, incident.c.closed_ms.is_not(None))
        .order_by(incident.c.opened_ms.desc())
        .limit(MAX_RECENT_SHOWN)
    ).all()
    views = incident_views(connection, book, [*still_open, *closed])
    shown = views[: len(still_open)]
    shown.sort(key=lambda view: (view.severity != "critical", view.kind not in FOOD_KINDS, view.began_ms))
    return shown, views[len(still_open) :]


def incident_views(connection: Connection, book: Rulebook, rows: Sequence[Row[Any]]) -> list[IncidentView]:
    """Incidents for everybody to see: what people wrote about them names nobody."""
    kitchen = book.settings.kitchen
    dates = Dates.of(connection, kitchen, [name for row in rows for name in (row.boot, row.closed_boot)])
    told = stories(acts_of(connection, kitchen, [row.id for row in rows if row.handling is not None]))
    nameless = Nameless.of(connection, kitchen) if told else Nameless(())
    open_told = {
        name: Story(cause=nameless.text(story.cause), action=nameless.text(story.action))
        for name, story in told.items()
    }
    return [incident_view(row, book, dates, open_told.get(row.id)) for row in rows]


# An Indonesian mobile number as people write it: 0812-3456-7890, +62 812 3456 789.
_MOBILE = re.compile(r"(?<![\w-])(?:\+?62|0)[ -]?8(?:[ -]?[0-9]){8,11}(?![\w-])")


class Nameless:
    """Takes the names of the kitchen's people, and anybody's mobile number, out of what they write, before everybody
    sees it."""

    def __init__(self, names: Iterable[str]) -> None:
        # Whole names first, then their parts; two letters are more often a word than a name.
        found = {part for name in names for part in (name, *re.findall(r"\w+", name))}
        parts = {part for part in found if len(part) > 2 and part.lower() not in TITLES}
        longest = sorted(map(re.escape, parts), key=len, reverse=True)
        self._names = re.compile(rf"(?<!\w)(?:{'|'.join(longest)})(?!\w)", re.IGNORECASE) if longest else None

    @classmethod
    def of(cls, connection: Connection, kitchen: str) -> Nameless:
        """Of everybody who ever worked there."""
        found = connection.execute(select(person.c.id, person.c.name).where(person.c.kitchen == kitchen))
        return cls(name for row in found for name in row)

    def text(self, words: str) -> str:
        """The same words, with "petugas" in the place of a name."""
        return _MOBILE.sub("nomor telepon", self.code(words))

    def code(self, words: str) -> str:
        """The same of what may be a supplier's code: its digits are kept, by them a lot is found."""
        return words if self._names is None else self._names.sub("petugas", words)


def without_names(connection: Connection, kitchen: str, answer: Any, free: frozenset[str]) -> Any:
    """An answer of the API for everybody: in its fields of free text (``free``) nobody's name is left."""
    nameless = Nameless.of(connection, kitchen)

    def walk(value: Any, key: str) -> Any:
        if isinstance(value, dict):
            return {name: walk(part, name) for name, part in value.items()}
        if isinstance(value, list):
            return [walk(part, key) for part in value]
        if key not in free or not isinstance(value, str):
            return value
        return nameless.code(value) if key == "code" else nameless.text(value)

    return walk(answer, "")


def incident_view(row: Row[Any], book: Rulebook, dates: Dates, story: Story | None = None) -> IncidentView:
    """An incident with its words: what happened, what to do, what was done; and how sure its date is."""
    name_of = book.settings.sensor(row.sensor)
    columns = dict(row._mapping)
    said = book.profile.spoken(columns["rule"]) if columns["kind"] in (*KINDS, "lot", "check") else None
    if said is not None:
        words = words_of(said, columns["severity"])
    elif columns["kind"] == "batch":
        words = batch_clock.words_of(book.profile, columns["rule"])[1]
    elif columns["kind"] == "fault" and columns["rule"] in SCALE_FAULTS:
        words = (
            "Sensor rusak",
            "Sensor fault",
            "Kosongkan dan bersihkan timbangan, lalu tekan nol.",
            "Empty and clean the scale, then press zero.",
        )
    elif columns["kind"] == "fault":
        words = (
            "Sensor rusak",
            "Sensor fault",
            "Ukur manual tiap 30 menit sampai sensor diganti.",
            "Measure by hand every 30 minutes until the sensor is replaced.",
        )
    elif columns["kind"] == "fork":
        words = (
            "Kartu memori alat pengirim pernah disalin",
            "The gateway's memory card was copied",
            "Pastikan hanya satu alat memakai kartu itu. Kedua catatan disimpan.",
            "Make sure that only one device uses that card. Both records are kept.",
        )
    elif columns["kind"] == "calibration" and columns["rule"] == REJECTED:
        words = (
            "Termometer ditolak saat diperiksa",
            "The thermometer failed its check",
            "Jangan dipakai. Ganti, ukur dengan termometer lain.",
            "Do not use it. Replace it; measure with another one.",
        )
    elif columns["kind"] == "calibration":
        words = (
            "Kalibrasi terlambat",
            "Calibration overdue",
            "Lakukan uji titik es dan catat hasilnya.",
            "Check it in ice water and record the result.",
        )
    elif columns["kind"] == "scale" and columns["rule"] == "scale-zero":
        words = (
            "Timbangan tidak nol",
            "The scale does not return to zero",
            "Kosongkan dan bersihkan timbangan, lalu tekan nol.",
            "Empty and clean the scale, then press zero.",
        )
    elif columns["kind"] == "scale":
        words = (
            "Timbangan salah saat diuji",
            "The scale failed its check weight",
            "Bersihkan, nolkan, uji lagi. Masih salah: jangan dipakai, panggil petugas tera.",
            "Clean it, zero it, check again. Still wrong: do not use it; call the verification officer.",
        )
    elif columns["kind"] == "stock":
        words = (
            "Stok menipis",
            "Stock runs low",
            "Pesan bahannya. Jumlah dan batas waktunya ada di halaman Kebutuhan.",
            "Order it. How much and by when is on the page Needs.",
        )
    elif columns["point"] == "gateway":
        words = (
            "Gateway tidak mengirim data",
            "The gateway sends no data",
            "Periksa listrik dan jaringan gateway. Ukur manual tiap 30 menit.",
            "Check the gateway's power and network. Measure by hand every 30 minutes.",
        )
    else:
        words = (
            "Tidak ada data",
            "No data",
            "Periksa sensor, kabel dan listrik. Ukur manual tiap 30 menit.",
            "Check sensor, cable and power. Measure by hand every 30 minutes.",
        )
    quantity = QUANTITIES.get(columns["quantity"] or "")
    # What no sensor measures has its unit from the profile.
    unit = quantity.unit if quantity is not None else UNITS.get(columns["quantity"] or "", "")
    name = name_of.name if name_of is not None else columns["sensor"]
    if columns["kind"] in ("batch", "check", "lot", "stock"):
        name = columns["detail"]  # what it was called when it was judged
    if columns["kind"] == "calibration" and columns["sensor"] in (known := instruments(book)):
        name = known[columns["sensor"]].name
    if columns["point"] == "gateway":
        name = f"Alat pengirim {name}"
    ours = columns["id"].partition(".")[0]
    estimate = dates.estimate(ours, row.boot, row.clock, row.began_ms - (row.offset_ms or 0))
    if estimate == NO_SPAN and row.closed_ms is not None:
        estimate = dates.estimate(ours, row.closed_boot, row.closed_clock, row.closed_ms - (row.closed_offset_ms or 0))
    return IncidentView(
        id=columns["id"], kind=columns["kind"], severity=columns["severity"], sensor=columns["sensor"],
        name=name, point=columns["point"], rule=columns["rule"],
        text_id=words[0], text_en=words[1], action_id=words[2], action_en=words[3], began_ms=columns["began_ms"],
        opened_ms=columns["opened_ms"], closed_ms=columns["closed_ms"], worst=columns["worst"],
        limit_value=columns["limit_value"], unit=unit, late=columns["late"],
        earliest_ms=estimate[0], latest_ms=estimate[1], explained_by=columns["explained_by"],
        handling=row.handling or "opened",
        acknowledged_ms=row.acknowledged_ms, settled_ms=row.settled_ms, disposition=row.disposition,
        cause="" if story is None else story.cause, done="" if story is None else story.action,
    )  # fmt: skip


def balances(connection: Connection, book: Rulebook) -> list[StockView]:
    """What lies at every place of the kitchen, by the book. First each configured place with its item, where nothing
    booked is unknown, not empty; then what else lies anywhere. A place that nobody configured and that a scale's place
    empties to is left out: what went there is on its way into a pan."""
    settings = book.settings
    sums = {
        (row.place, row.item): int(row.amount)
        for row in connection.execute(
            select(ledger_line.c.place, ledger_line.c.item, func.sum(ledger_line.c.amount).label("amount"))
            .where(ledger_line.c.kitchen == settings.kitchen, ledger_line.c.place.not_in(accounts.OUTSIDE))
            .group_by(ledger_line.c.place, ledger_line.c.item)
        )
    }
    homes = [(place.id, place.item) for place in settings.places if place.item]
    order = [place.id for place in settings.places]
    passing = {place.emptied_to for place in settings.places}.difference(order)
    others = sorted(
        (key for key, amount in sums.items() if amount and key not in homes and key[0] not in passing),
        key=lambda key: (order.index(key[0]) if key[0] in order else len(order), key),
    )
    out = []
    for name, counted in homes + others:
        place, item = settings.place(name), settings.item(counted)
        home = place is not None and place.item == counted
        out.append(
            StockView(
                place=name, place_name=place_name(book, name), item=counted, item_name=item.name if item else counted,
                amount=sums.get((name, counted)), unit=item.unit if item else "g",
                minimum=place.minimum if place is not None and home else None,
            )
        )  # fmt: skip
    return out


def place_name(book: Rulebook, place: str) -> str:
    """What people call it."""
    known = book.settings.place(place)
    return known.name if known is not None else place.replace("-", " ").capitalize()


def newest_movements(connection: Connection, book: Rulebook) -> list[MovementView]:
    """The newest movements, newest first."""
    rows = connection.execute(
        select(movement)
        .where(movement.c.kitchen == book.settings.kitchen)
        .order_by(movement.c.occurred_ms.desc(), movement.c.id.desc())
        .limit(MAX_MOVEMENTS_SHOWN)
    )
    return [movement_view(row, book) for row in rows]


def movement_view(row: Row[Any], book: Rulebook) -> MovementView:
    """A movement with the names people use."""
    columns = dict(row._mapping)
    item = book.settings.item(columns["item"])
    return MovementView(
        id=columns["id"], occurred_ms=columns["occurred_ms"], place=columns["place"],
        place_name=place_name(book, columns["place"]), item=columns["item"],
        item_name=item.name if item else columns["item"], amount=columns["amount"], unit=columns["unit"],
        state=columns["state"], kind=columns["kind"],
    )  # fmt: skip


def batches_shown(connection: Connection, book: Rulebook, now_ms: int) -> list[BatchView]:
    """What is not eaten yet, the most urgent first, then what else is served today."""
    today = day_of(now_ms // MINUTE_MS, book.settings.timezone).name
    found = connection.execute(
        select(batch.c.content)
        .where(batch.c.kitchen == book.settings.kitchen, or_(batch.c.done.is_(False), batch.c.day == today))
        .order_by(batch.c.done, batch.c.opened_ms.desc(), batch.c.id)
        .limit(MAX_BATCHES_SHOWN)
    ).scalars()
    batches = [msgspec.json.decode(content, type=Batch) for content in found]
    batches.sort(key=lambda one: (one.over, one.cooked_ms is None, one.cooked_ms or one.opened_ms, one.id))
    return [batch_view(one, book) for one in batches]


def batch_view(one: Batch, book: Rulebook) -> BatchView:
    """A batch as screens show it."""
    return BatchView(
        id=one.id, name=one.dish if one.named else one.label, wave=one.wave, day=one.day, state=one.state,
        named=one.named, cooked_ms=one.cooked_ms, portions=one.portions, remaining=one.remaining,
        steps=[] if one.over else [
            StepView(at_ms=step.at_ms, severity=step.row.severity, text_id=step.row.text_id, text_en=step.row.text_en,
                     action_id=step.row.action_id, action_en=step.row.action_en)
            for step in steps(one, book.profile)
        ],
    )  # fmt: skip


def gateway_rows(connection: Connection, kitchen: str) -> dict[str, GatewayRow]:
    """What the record knows of every gateway."""
    return {
        row.gateway: GatewayRow(
            clock=row.clock, upto=row.upto, delay_ms=row.delay_ms, received_ms=row.received_ms, refused=row.refused
        )
        for row in connection.execute(select(gateway).where(gateway.c.kitchen == kitchen))
    }
