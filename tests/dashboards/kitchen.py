"""Rows for a store as the server's projections would have written them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import Engine, Table, create_engine, delete, insert, select, update

from pawon_server.store.schema import metadata
from pawon_server.store.stock_tables import movement
from pawon_server.store.tables import gateway, incident, journal, reading

MINUTE_MS = 60_000
SENSORS = {
    "chiller-1": ("Chiller sayur", "chiller"),
    "freezer-1": ("Freezer daging", "freezer"),
    "hot-1": ("Lemari saji", "hot-hold"),
}


def _whole(table: Table, **values: Any) -> dict[str, Any]:
    """The row with something in every column that must not be empty and that no test here asks for."""
    nothing = {int: 0, float: 0.0, str: "", bytes: b"", bool: False}
    needed = [column for column in table.c if not column.nullable and column.name not in values]
    return {**{column.name: nothing[column.type.python_type] for column in needed}, **values}


class Kitchen:
    """One kitchen's rows in a store; every call is one journal entry."""

    def __init__(self, engine: Engine, name: str = "dapur-a") -> None:
        self.engine, self.name, self.entry, self.sequence = engine, name, 0, 0

    def _journal(self, connection: Any) -> int:
        self.entry += 1
        row = {"kind": "batch", "received_ms": 1, "gateway": "gw-1", "payload": b"{}", "link": b""}
        connection.execute(insert(journal).values(_whole(journal, kitchen=self.name, id=self.entry, **row)))
        return self.entry

    def read(self, sensor: str, *rows: tuple[int, float, float, float], clock: str = "synced", **more: Any) -> None:
        """A batch of readings ``(measured_ms, value, low, high)``."""
        with self.engine.begin() as connection:
            entry = self._journal(connection)
            for measured_ms, value, low, high in rows:
                self.sequence += 1
                row = {
                    "gateway": "gw-1",
                    "spool": "5" * 20,
                    "sequence": self.sequence,
                    "sensor": sensor,
                    "quantity": "temperature_c",
                    "value": value,
                    "low": low,
                    "high": high,
                    "count": 6,
                    "measured_ms": measured_ms,
                    "valid_ms": 90_000,
                    "boot": "boot-0001",
                    "at_ms": 0,
                    "clock": clock,
                    "journal_id": entry,
                }
                connection.execute(insert(reading).values(_whole(reading, kitchen=self.name, **{**row, **more})))

    def fix_clock(self, boot: str, by_ms: int) -> None:
        """A ``ClockFix``: the boot's readings move to their true time and keep the old stamp."""
        with self.engine.begin() as connection:
            entry = self._journal(connection)
            mine = (reading.c.kitchen == self.name) & (reading.c.boot == boot)
            connection.execute(
                update(reading)
                .where(mine)
                .values(
                    first_measured_ms=reading.c.measured_ms,
                    measured_ms=reading.c.measured_ms + by_ms,
                    clock="synced",
                    journal_id=entry,
                )
            )

    def open_incident(self, id_: str, sensor: str, rule: str, severity: str, opened_ms: int, **more: Any) -> None:
        """An incident opens."""
        row = {
            "kind": "limit",
            "point": "chiller",
            "began_ms": opened_ms,
            "late": False,
            "profile": "ID-MBG",
            "profile_version": "2026.11",
            "detail": "",
        }
        with self.engine.begin() as connection:
            entry = self._journal(connection)
            named = {"id": id_, "sensor": sensor, "rule": rule, "severity": severity, "opened_ms": opened_ms}
            whole = _whole(incident, kitchen=self.name, journal_id=entry, **{**named, **row, **more})
            connection.execute(insert(incident).values(whole))

    def change_incident(self, id_: str, **news: Any) -> None:
        """The incident closes, rises, or is dated anew."""
        with self.engine.begin() as connection:
            entry = self._journal(connection)
            mine = (incident.c.kitchen == self.name) & (incident.c.id == id_)
            connection.execute(update(incident).where(mine).values(journal_id=entry, **news))

    def move(self, id_: str, occurred_ms: int, amount: int, state: str, **more: Any) -> None:
        """A movement is proposed, or (the same id again) changed."""
        row = {
            "place": "rice",
            "item": "beras",
            "from_place": "rice",
            "to_place": "prep",
        }
        with self.engine.begin() as connection:
            entry = self._journal(connection)
            mine = (movement.c.kitchen == self.name) & (movement.c.id == id_)
            connection.execute(delete(movement).where(mine))
            named = {"id": id_, "occurred_ms": occurred_ms, "amount": amount, "state": state, "journal_id": entry}
            connection.execute(insert(movement).values(_whole(movement, kitchen=self.name, **named, **{**row, **more})))

    def hear_gateway(self, received_ms: int, upto: int, delay_ms: int, clock: str, error_ms: int, refused: int) -> None:
        """A gateway's newest batch comes in."""
        row = {"boot": "boot-0001", "spool": "5" * 20, "offset_ms": 0, "received_ms": received_ms, "upto": upto}
        news = {**row, "delay_ms": delay_ms, "clock": clock, "error_ms": error_ms, "refused": refused}
        with self.engine.begin() as connection:
            news["journal_id"] = self._journal(connection)
            mine = (gateway.c.kitchen == self.name) & (gateway.c.gateway == "gw-1")
            if connection.execute(select(gateway).where(mine)).first():
                connection.execute(update(gateway).where(mine).values(**news))
            else:
                connection.execute(insert(gateway).values(_whole(gateway, kitchen=self.name, gateway="gw-1", **news)))


def new_store(folder: Path) -> Engine:
    """An empty store with the real tables."""
    engine = create_engine(f"sqlite:///{folder / 'store.sqlite'}")
    metadata.create_all(engine)
    return engine
