"""The questions that screens and the API ask of the store. Reading only; every list is bounded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, func, select

from pawon_contract.units import QUANTITIES

from ..projections.calibrations import REJECTED, instruments
from ..rulebook import Rulebook
from ..store.tables import gateway, incident, ledger_line, movement
from .dates import NO_SPAN, Dates
from .view import IncidentView, MovementView, StockView

MAX_OPEN_SHOWN = 50
MAX_RECENT_SHOWN = 12
MAX_MOVEMENTS_SHOWN = 8


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
    names = [name for row in (*still_open, *closed) for name in (row.boot, row.closed_boot)]
    dates = Dates.of(connection, book.settings.kitchen, names)
    shown = [incident_view(row, book, dates) for row in still_open]
    shown.sort(key=lambda view: (view.severity != "critical", view.kind != "limit", view.began_ms))
    return shown, [incident_view(row, book, dates) for row in closed]


def incident_view(row: Row[Any], book: Rulebook, dates: Dates) -> IncidentView:
    """An incident with its words: what happened and what to do, in both languages; and how sure its date is."""
    name_of = book.settings.sensor(row.sensor)
    columns = dict(row._mapping)
    limit = next((limit for limit in book.profile.limit if limit.id == columns["rule"]), None)
    if columns["kind"] == "limit" and limit is not None:
        words = (limit.text_id, limit.text_en, limit.action_id, limit.action_en)
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
    name = name_of.name if name_of is not None else columns["sensor"]
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
        limit_value=columns["limit_value"], unit=quantity.unit if quantity is not None else "", late=columns["late"],
        earliest_ms=estimate[0], latest_ms=estimate[1],
    )  # fmt: skip


def balances(connection: Connection, book: Rulebook) -> list[StockView]:
    """What lies at every configured place, by the book. A place without a line is unknown, not empty."""
    sums = {
        (row.place, row.item): int(row.amount)
        for row in connection.execute(
            select(ledger_line.c.place, ledger_line.c.item, func.sum(ledger_line.c.amount).label("amount"))
            .where(ledger_line.c.kitchen == book.settings.kitchen)
            .group_by(ledger_line.c.place, ledger_line.c.item)
        )
    }
    out = []
    for place in book.settings.places:
        item = book.settings.item(place.item)
        out.append(
            StockView(
                place=place.id, place_name=place.name, item=place.item, item_name=item.name if item else place.item,
                amount=sums.get((place.id, place.item)), unit=item.unit if item else "g", minimum=place.minimum,
            )
        )  # fmt: skip
    return out


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
    place = next((place for place in book.settings.places if place.id == columns["place"]), None)
    item = book.settings.item(columns["item"])
    return MovementView(
        id=columns["id"], occurred_ms=columns["occurred_ms"], place=columns["place"],
        place_name=place.name if place else columns["place"], item=columns["item"],
        item_name=item.name if item else columns["item"], amount=columns["amount"], unit=columns["unit"],
        state=columns["state"], kind=columns["kind"],
    )  # fmt: skip


def gateway_rows(connection: Connection, kitchen: str) -> dict[str, GatewayRow]:
    """What the record knows of every gateway."""
    return {
        row.gateway: GatewayRow(
            clock=row.clock, upto=row.upto, delay_ms=row.delay_ms, received_ms=row.received_ms, refused=row.refused
        )
        for row in connection.execute(select(gateway).where(gateway.c.kitchen == kitchen))
    }
