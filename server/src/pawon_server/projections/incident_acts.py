"""What people did about incidents: projection of ``incident_act``, and of how far they have come in ``incident``.

The rules are ``food_safety.incident``'s. Nothing is kept in memory: few acts are written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from ..food_safety.incident import (
    INCIDENT_ACTS,
    Case,
    Correct,
    IncidentAct,
    Note,
    Settle,
    Sign,
    handling_after,
    refuse,
    word_of,
)
from ..rulebook import Rulebook
from ..store.journal import Entry
from ..store.rows import storable
from ..store.tables import incident, incident_act
from .acts import Acts
from .context import Changes
from .people import People


class IncidentActs:
    """Of one kitchen."""

    def __init__(self, kitchen: str, people: People) -> None:
        self._kitchen, self._people = kitchen, people

    def join(self, acts: Acts) -> None:
        """From now on these kinds of act come here."""
        acts.know(INCIDENT_ACTS, self.refuse, self.take)

    def refuse(self, connection: Connection, book: Rulebook, act: IncidentAct, now_ms: int) -> str | None:
        """Why it cannot be done, in Indonesian."""
        case = case_of(connection, self._kitchen, act.incident)
        return "Insiden ini tidak ada" if case is None else refuse(case, act)

    def take(self, connection: Connection, book: Rulebook, act: IncidentAct, entry: Entry, changes: Changes) -> None:
        """Somebody did something."""
        case = case_of(connection, self._kitchen, act.incident)
        person = self._people.get(act.by)
        connection.execute(
            insert(incident_act),
            {
                "kitchen": self._kitchen, "id": act.id, "incident": act.incident, "journal_id": entry.id,
                "at_ms": entry.received_ms, "person": act.by, "role": "" if person is None else person.role,
                "what": word_of(act), "cause": storable(act.cause).strip() if isinstance(act, Settle) else "",
                "action": storable(_text(act)).strip(),
                "disposition": act.disposition if isinstance(act, Settle) else "",
                "moved": storable(act.moved).strip() if isinstance(act, Settle) else "",
                "refers": act.settlement if isinstance(act, Sign) else act.corrects if isinstance(act, Correct) else "",
                "field": act.field if isinstance(act, Correct) else "",
            },
        )  # fmt: skip
        if case is None:
            return  # a version that judges otherwise opened no such incident; what people wrote stays
        columns: dict[str, Any] = {"journal_id": entry.id}
        handling = handling_after(case, act)
        if handling != case.handling or isinstance(act, Settle):
            columns |= {"handling": handling, "settled_ms": entry.received_ms if handling == "settled" else None}
        if case.handling == "opened":
            columns["acknowledged_ms"] = entry.received_ms
        if isinstance(act, Settle):
            columns["disposition"] = act.disposition
        here = (incident.c.kitchen == self._kitchen, incident.c.id == act.incident)
        connection.execute(update(incident).where(*here).values(**columns))
        changes.incidents = True


def _text(act: IncidentAct) -> str:
    return act.action if isinstance(act, Note | Settle) else act.text if isinstance(act, Correct) else ""


def case_of(connection: Connection, kitchen: str, name: str) -> Case | None:
    """An incident as far as people have come; ``None`` when this kitchen has none of that name."""
    row = connection.execute(select(incident).where(incident.c.kitchen == kitchen, incident.c.id == name)).first()
    if row is None:
        return None
    acts = acts_of(connection, kitchen, [name])
    newest = next((act for act in reversed(acts) if act.what == "settle"), None)
    # What is to be signed is the settlement with its corrections: the newest of them names it.
    told = "" if newest is None else [act.id for act in acts if newest.id in (act.id, act.refers)][-1]
    return Case(
        kind=row.kind, severity=row.severity, ongoing=row.closed_ms is None, handling=row.handling or "opened",
        disposition=row.disposition, settlement=told,
        settled_by="" if newest is None else newest.person, written={act.id: act.what for act in acts},
    )  # fmt: skip


def acts_of(connection: Connection, kitchen: str, names: Sequence[str]) -> list[Row[Any]]:
    """What people did about these incidents, oldest first."""
    if not names:
        return []
    return list(
        connection.execute(
            select(incident_act)
            .where(incident_act.c.kitchen == kitchen, incident_act.c.incident.in_(names))
            .order_by(incident_act.c.journal_id)
        )
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """How people settled an incident, with their corrections."""

    cause: str
    action: str


def stories(acts: Sequence[Row[Any]]) -> dict[str, Story]:
    """For each settled incident of these acts (oldest first), by its newest settlement."""
    settled = {act.incident: act for act in acts if act.what == "settle"}
    texts = {(act.id, field): getattr(act, field) for act in settled.values() for field in ("cause", "action")}
    for act in acts:
        if act.what == "correct" and (act.refers, act.field) in texts:
            texts[act.refers, act.field] = act.action
    return {name: Story(cause=texts[act.id, "cause"], action=texts[act.id, "action"]) for name, act in settled.items()}
