"""A gateway whose card was copied: two versions of one spool, both kept, and a second card to be looked for."""

from __future__ import annotations

from sqlalchemy import Connection

from pawon_contract.ids import row_id
from pawon_contract.messages import Fork

from ..rulebook import Rulebook
from .context import Arrival, Changes
from .incident_rows import IncidentRows


def take_fork(
    connection: Connection, rows: IncidentRows, book: Rulebook, arrival: Arrival, sequence: int, item: Fork,
    changes: Changes,
) -> None:  # fmt: skip
    """Tell people, once a new spool, and never as news of the past: a second card may run now. It is over when it is
    told: the gateway has gone on in a spool of its own."""
    at_ms = arrival.utc_ms(item.at_ms)
    rows.open(
        connection, book, f"{row_id(arrival.gateway, arrival.spool, sequence)}.fork", kind="fork", severity="warning",
        sensor=arrival.gateway, point="gateway", rule="fork", began_ms=at_ms, opened_ms=at_ms, closed_ms=at_ms,
        worst=None, limit_value=None, quantity=None, late=False, boot=arrival.boot,
        offset_ms=arrival.offset_ms, clock=arrival.clock, journal_id=arrival.journal_id, created_ms=arrival.received_ms,
        detail=f"spool {item.spool} from row {item.first}",
        text=(
            f"Kartu memori gateway {arrival.gateway} pernah disalin: dua catatan berbeda mulai baris {item.first}. "
            "Keduanya disimpan. Pastikan hanya satu alat memakai kartu itu."
        ),
    )  # fmt: skip
    changes.incidents = changes.alerts = True
