"""People, as acts made them: projection of ``person``."""

from __future__ import annotations

from sqlalchemy import Connection, delete, insert, select

from ..people.act import MACHINE, Role
from ..people.person import ChangePin, Person, SetPerson
from ..store.journal import Entry
from ..store.tables import person
from .context import Changes

HEAD: Role = "head"
# A kitchen has some fifty; a list that grows without end is somebody's mistake.
MAX_PEOPLE = 500


class People:
    """Who may write."""

    def __init__(self, kitchen: str) -> None:
        self._kitchen = kitchen
        self._people: dict[str, Person] = {}

    def load(self, connection: Connection) -> None:
        """Forget what was not committed; remember what was."""
        self._people = people_of(connection, self._kitchen)

    def get(self, name: str) -> Person | None:
        """A person who is there and has not left."""
        found = self._people.get(name)
        return found if found is not None and found.active else None

    def refuse(self, act: SetPerson | ChangePin) -> str | None:
        """Why it cannot be done, in Indonesian."""
        if isinstance(act, ChangePin):
            return None if self.get(act.by) is not None else "Orang ini tidak dikenal"
        known = self._people.get(act.person)
        if known is None and not act.pin:
            return "Orang baru perlu PIN"
        if known is None and len(self._people) >= MAX_PEOPLE:
            return f"Sudah ada {MAX_PEOPLE} orang"
        last_head = [one.id for one in self._people.values() if one.active and one.role == HEAD] == [act.person]
        if last_head and act.by != MACHINE and (not act.active or act.has_role != HEAD):
            return "Harus ada satu kepala"
        return None

    def take(self, connection: Connection, act: SetPerson | ChangePin, entry: Entry, changes: Changes) -> None:
        """Somebody came, changed or left."""
        if isinstance(act, ChangePin):
            known = self._people[act.by]
            made = Person(id=known.id, name=known.name, role=known.role, pin=act.pin, active=known.active,
                          version=entry.id)  # fmt: skip
        else:
            before = self._people.get(act.person)
            keeps = before is not None and not act.pin and act.active == before.active
            made = Person(
                id=act.person, name=act.name, role=act.has_role, active=act.active,
                pin=act.pin or (before.pin if before is not None else ""),
                version=before.version if keeps and before is not None else entry.id,
            )  # fmt: skip
        self._people[made.id] = made
        connection.execute(delete(person).where(person.c.kitchen == self._kitchen, person.c.id == made.id))
        connection.execute(
            insert(person),
            {
                "kitchen": self._kitchen, "id": made.id, "name": made.name, "role": made.role, "pin": made.pin,
                "active": made.active, "version": made.version, "journal_id": entry.id,
            },
        )  # fmt: skip


def people_of(connection: Connection, kitchen: str) -> dict[str, Person]:
    """Everybody, also who has left, by id."""
    found = connection.execute(select(person).where(person.c.kitchen == kitchen).order_by(person.c.id))
    return {
        row.id: Person(id=row.id, name=row.name, role=row.role, pin=row.pin, active=row.active, version=row.version)
        for row in found
    }
