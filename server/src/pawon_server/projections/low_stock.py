"""Stock that runs low: one incident of kind ``stock`` for each item, in time to buy, until it is covered again.

The figures are read from the record before the clock asks (``look``); what the clock decides of them is journalled with
its words, so that a rebuild repeats what was told, whatever a later version would foresee.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import date
from types import MappingProxyType

from sqlalchemy import Connection, select
from sqlalchemy.exc import SQLAlchemyError

from ..rulebook import Item, Rulebook
from ..stock.days import local_time
from ..stock.forecast import Outlook
from ..stock.low_stock import MINIMUM, covered, is_day, low
from ..store.journal import Entry
from ..store.tables import incident
from ..words import amount_words, day_words
from .context import Changes
from .due import Due
from .incident_rows import IncidentRows
from .larder import outlooks, read_larder

log = logging.getLogger(__name__)

SCOPE = KIND = "stock"
# Without news of the stock the figures change with the day only; with much news they are not worked out each second,
# for that takes a tenth of one for sixty items.
LOOK_EVERY_MS = 600_000
LOOK_AGAIN_MS = 5_000


class LowStock:
    """The watch over what must be ordered. ``stale``: the stock, the menu or the configuration has changed."""

    def __init__(self, kitchen: str, rows: IncidentRows) -> None:
        self._kitchen, self._rows = kitchen, rows
        self.stale = True
        self._looked_ms: int | None = None
        self._outlooks: Mapping[str, Outlook] = MappingProxyType({})
        self._open: dict[str, str] = {}  # item -> incident

    def load(self, connection: Connection) -> None:
        """Forget what was not committed; remember what was."""
        self.stale, self._looked_ms = True, None
        still_open = connection.execute(
            select(incident.c.sensor, incident.c.id).where(
                incident.c.kitchen == self._kitchen, incident.c.kind == KIND, incident.c.closed_ms.is_(None)
            )
        )
        self._open = {row.sensor: row.id for row in still_open}

    def look(self, connection: Connection, book: Rulebook, now_ms: int) -> None:
        """Work the figures out anew, where they may have changed and somebody would be told."""
        if not is_day(local_time(now_ms, book.settings.timezone)):
            return
        every_ms = LOOK_AGAIN_MS if self.stale else LOOK_EVERY_MS
        if self._looked_ms is None or not 0 <= now_ms - self._looked_ms < every_ms:
            self.stale, self._looked_ms = False, now_ms
            try:
                self._outlooks = outlooks(book, read_larder(connection, book, now_ms))
            except SQLAlchemyError:
                raise
            except Exception:  # the clock's other watches, silence first of all, must not end with an estimate
                log.exception("how long the stock lasts cannot be worked out")
                self._outlooks = MappingProxyType({})

    def due(self, book: Rulebook, now_ms: int) -> list[Due]:
        """What is low and not told; what is told and covered again, or is counted no more."""
        local = local_time(now_ms, book.settings.timezone)
        if not is_day(local):
            return []
        today, items, out = local.date(), {item.id: item for item in book.settings.items}, []
        for name in sorted(items.keys() | self._open.keys()):
            item, one = items.get(name), self._outlooks.get(name)
            if name in self._open:
                if item is None or (one is not None and covered(one, today)):
                    text = f"Tidak dihitung lagi: {name}." if item is None or one is None else _over(item, one)
                    out.append(_due(name, KIND, "ended", now_ms, text))
            elif item is not None and one is not None and (rule := low(one, today)) is not None:
                out.append(_due(name, rule, "warning", now_ms, _told(item, one, rule, today)))
        return out

    def take_due(self, connection: Connection, book: Rulebook, due: Due, entry: Entry, changes: Changes) -> None:
        """A stock becomes low, or is covered again."""
        known = self._open.get(due.subject)
        if due.state == "ended":
            if known is None:
                return
            del self._open[due.subject]
            self._rows.change(connection, known, closed_ms=due.at_ms, journal_id=entry.id)
            self._rows.alert(connection, known, "closed", due.at_ms, due.text)
        elif known is None:
            item = book.settings.item(due.subject)
            name = f"{KIND}.{entry.id}.{due.subject}"
            self._open[due.subject] = name
            self._rows.open(
                connection, book, name, kind=KIND, severity="warning", sensor=due.subject, point="", rule=due.rule,
                began_ms=due.since_ms, opened_ms=due.at_ms, worst=None, limit_value=None, quantity=None, late=False,
                boot=None, offset_ms=None, clock=None, journal_id=entry.id, created_ms=due.at_ms, text=due.text,
                detail=due.subject if item is None else item.name,
            )  # fmt: skip
        changes.incidents = changes.alerts = True


def _due(item: str, rule: str, state: str, now_ms: int, text: str) -> Due:
    return Due(scope=SCOPE, subject=item, rule=rule, state=state, since_ms=now_ms, at_ms=now_ms, text=text)  # type: ignore[arg-type]  # two literals


def _told(item: Item, one: Outlook, rule: str, today: date) -> str:
    """One message: what is left, until when, how much to order by when. Without signs that a cheap phone lacks."""
    assert one.stock is not None, "what is unknown is not low"
    parts = [f"Stok menipis: {item.name} {amount_words(one.stock, item.unit)}"]
    if rule == MINIMUM and item.minimum is not None:
        parts[0] += f" (minimum {amount_words(item.minimum, item.unit)})"
    if one.runs_out is not None:
        parts.append(f"Perkiraan kurang mulai {day_words(one.runs_out)}")
    if one.order_amount:
        # An order is rounded up to what the message can say.
        step = 1 if item.unit == "piece" else 100
        amount = amount_words(-(-one.order_amount // step) * step, item.unit)
        parts.append(f"Pesan {amount} {'hari ini' if one.order_by == today else 'sekarang juga'}")
    return ". ".join(parts) + "."


def _over(item: Item, one: Outlook) -> str:
    """That it is covered; or, where nothing is foreseen any more and no minimum is kept, that nobody can say so."""
    assert one.stock is not None, "what is unknown is not covered"
    told = f"{item.name} {amount_words(one.stock, item.unit)}."
    if one.coming:  # not there yet
        return f"Stok dan pesanan cukup: {told[:-1]}, dipesan {amount_words(one.coming, item.unit)}."
    if one.known or one.supply.minimum is not None:
        return f"Stok cukup lagi: {told}"
    return f"Tidak ada di menu lagi, cukup tidaknya tidak diketahui: {told}"
