"""What people wrote: who may write what, each act to the projection it is about, and the audit of all of them.

Projection of ``act``, which also tells that an act was written already: a form sent twice is one act.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Connection, insert, select

from ..acts import AnyAct, decode_act
from ..people.act import MACHINE, may
from ..people.person import ChangePin, SetPerson
from ..rulebook import Rulebook
from ..store.journal import Entry
from ..store.tables import act as act_table
from .context import Changes
from .people import People

# Fields that differ when the same form is sent again.
FILLED_IN = frozenset({"at_ms", "performed_ms", "pin", "seconds"})

Refuse = Callable[[Connection, Rulebook, Any, int], str | None]
Take = Callable[[Connection, Rulebook, Any, Entry, Changes], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """An act that was not written. ``status``: 403 who may not, 409 what cannot be; ``reason`` is Indonesian."""

    status: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """An act that is in the record; ``entry`` is its journal entry, an earlier one when it had been written before."""

    entry: int


class Acts:
    """The way of an act to what it changes. ``kinds``: for each type of act who refuses it and who takes it."""

    def __init__(self, kitchen: str, people: People) -> None:
        self._kitchen, self._people = kitchen, people
        self._kinds: dict[type, tuple[Refuse, Take]] = {}
        self.know(
            (SetPerson, ChangePin), lambda connection, book, act, now_ms: people.refuse(act),
            lambda connection, book, act, entry, changes: people.take(connection, act, entry, changes),
        )  # fmt: skip

    def know(self, kinds: tuple[type, ...], refuse: Refuse, take: Take) -> None:
        """These types of act are a projection's. ``refuse`` is asked before an act is journalled and never again."""
        self._kinds |= dict.fromkeys(kinds, (refuse, take))

    def refuse(self, connection: Connection, book: Rulebook, act: AnyAct, now_ms: int) -> Refusal | Written | None:
        """Why an act is not written; or that it was before; or ``None`` when it is to be written now."""
        if act.by != MACHINE:
            person = self._people.get(act.by)
            if person is None or not may(person.role, type(act).role):
                return Refusal(status=403, reason="Tidak berwenang")
        known = connection.execute(
            select(act_table.c.journal_id, act_table.c.person, act_table.c.content).where(
                act_table.c.kitchen == self._kitchen, act_table.c.id == act.id
            )
        ).first()
        if known is not None:
            same = known.person == act.by and _said(decode_act(known.content)) == _said(act)
            return Written(entry=known.journal_id) if same else Refusal(status=409, reason="Nomor sudah dipakai")
        reason = self._kinds[type(act)][0](connection, book, act, now_ms)
        return None if reason is None else Refusal(status=409, reason=reason)

    def take(self, connection: Connection, book: Rulebook, entry: Entry, changes: Changes) -> None:
        """Project a journalled act."""
        act = decode_act(entry.payload)
        connection.execute(
            insert(act_table),
            {
                "kitchen": self._kitchen, "id": act.id, "journal_id": entry.id, "at_ms": entry.received_ms,
                "person": act.by, "what": str(type(act).__struct_config__.tag), "content": entry.payload,
            },
        )  # fmt: skip
        self._kinds[type(act)][1](connection, book, act, entry, changes)


def _said(act: AnyAct) -> dict[str, Any]:
    """What a person said in an act: a page fills in the time, and a PIN is hashed anew, each time it is sent."""
    said = {name: value for name, value in msgspec.to_builtins(act).items() if name not in FILLED_IN}
    if said.get("measured"):
        said.pop("readings_c", None)  # the server reads the sensor anew, each time
    return said
