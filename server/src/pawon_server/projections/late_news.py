"""Late is not live: what a backlog brought to light is told in one calm summary when the backlog has been drained.

Drained is when a row comes that was of now on its arrival, by its sender's own ageing: batches, restarts and the
server's clock have no say in it. What still lasts is in the summary and also pages, once, when its sensor's own rows
show it; what lies within the last two minutes has paged already and is not in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Row, select, update

from pawon_contract.messages import TRUSTED_CLOCKS
from pawon_contract.units import QUANTITIES

from ..rulebook import Rulebook
from ..store.tables import incident
from ..words import number
from .boots import Boots
from .context import Arrival, Changes
from .incident_rows import IncidentRows

# So many sensors are named; a message must fit a telephone.
MAX_NAMED = 4
MONTHS = ("Jan", "Feb", "Mar", "Apr", "Mei", "Jun", "Jul", "Agu", "Sep", "Okt", "Nov", "Des")


def tell_late(
    connection: Connection, rows: IncidentRows, boots: Boots, book: Rulebook, arrival: Arrival, changes: Changes
) -> None:
    """A gateway's backlog is drained: one alert for all late incidents of it that nobody was told of."""
    if arrival.gateway not in rows.untold:
        return
    rows.untold.discard(arrival.gateway)
    here = (
        incident.c.kitchen == book.settings.kitchen, incident.c.told.is_(False),
        incident.c.id.startswith(f"{arrival.gateway}."),
    )  # fmt: skip
    found = connection.execute(select(incident).where(*here).order_by(incident.c.opened_ms, incident.c.id)).all()
    connection.execute(update(incident).where(*here).values(told=True))
    # Who was paged before a backup was put in place needs no summary of it.
    untold = [row for row in found if not rows.was_sent_before(connection, row.id, "opened")]
    if not untold:
        return
    guessed = any(row.clock not in TRUSTED_CLOCKS and not boots.knows(arrival.gateway, row.boot) for row in untold)
    rows.alert(connection, untold[0].id, "late", arrival.received_ms, summary(untold, book, estimated=guessed))
    changes.alerts = True


def summary(found: Sequence[Row[Any]], book: Rulebook, *, estimated: bool) -> str:
    """How many, which sensors, from when to when, the worst, and what still lasts; in plain Indonesian."""
    sensors = list(dict.fromkeys(row.sensor for row in found))
    ends = [row.closed_ms for row in found]
    last_ms = max([row.opened_ms for row in found] + [ms for ms in ends if ms is not None])
    first, last = (_moment(ms, book.settings.timezone) for ms in (min(row.began_ms for row in found), last_ms))
    parts = [f"{len(found)} masalah baru diketahui dari data tertunda: {_names(sensors, book)}",
             f"{'perkiraan ' if estimated else ''}{first} sampai {last}"]  # fmt: skip
    limits = [row for row in found if row.worst is not None and row.limit_value is not None]
    if limits:
        worst = max(limits, key=lambda row: (row.severity == "critical", abs(row.worst - row.limit_value), row.id))
        unit = QUANTITIES[worst.quantity].unit.lstrip("°") if worst.quantity in QUANTITIES else ""
        value, limit = (f"{number(figure)} {unit}" for figure in (worst.worst, worst.limit_value))
        parts.append(f"terburuk {_name(worst.sensor, book)} {value} (batas {limit})")
    lasting = list(dict.fromkeys(row.sensor for row in found if row.closed_ms is None))
    still = f"Belum selesai: {_names(lasting, book)}." if lasting else "Semua sudah selesai."
    return f"{', '.join(parts)}. {still} Periksa bahan yang terkena dan catat."


def _names(sensors: Sequence[str], book: Rulebook) -> str:
    named = ", ".join(_name(sensor, book) for sensor in sensors[:MAX_NAMED])
    return named + (f" dan {len(sensors) - MAX_NAMED} lagi" if len(sensors) > MAX_NAMED else "")


def _name(sensor: str, book: Rulebook) -> str:
    known = book.settings.sensor(sensor)
    return sensor if known is None else known.name


def _moment(at_ms: int, zone: str) -> str:
    """Day and time in the kitchen; what a broken clock claims beyond the calendar is no time."""
    try:
        at = datetime.fromtimestamp(at_ms // 1000, tz=UTC).astimezone(ZoneInfo(zone))
    except (OverflowError, ValueError, OSError):
        return "waktu tidak diketahui"
    return f"{at.day} {MONTHS[at.month - 1]} {at:%H:%M}"
