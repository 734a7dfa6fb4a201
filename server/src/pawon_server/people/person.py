"""A person of the kitchen: name, role, and the hash of a PIN. No name ever reaches a public page."""

from __future__ import annotations

from typing import Annotated, ClassVar

import msgspec
from msgspec import Meta

from .act import Act, PersonId, Role


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """As the record knows them. ``version``: the journal entry that set the PIN; sessions from before it have ended."""

    id: str
    name: str
    role: Role
    pin: str
    active: bool
    version: int


class SetPerson(Act, frozen=True, kw_only=True, tag="person.set"):
    """A person is there, changes, or has left (``active`` false). ``pin`` is its hash; empty: it stays as it was."""

    role: ClassVar[Role] = "head"

    person: PersonId
    name: Annotated[str, Meta(min_length=1, max_length=60)]
    has_role: Role
    pin: Annotated[str, Meta(max_length=200)] = ""
    active: bool = True


class ChangePin(Act, frozen=True, kw_only=True, tag="person.pin"):
    """A person's own new PIN, as its hash."""

    pin: Annotated[str, Meta(min_length=1, max_length=200)]
