"""An act: what a person wrote into the record. Journalled as it was accepted, projected like everything else.

Every kind of act is a struct of its own with a tag; ``pawon_server.acts`` knows all of them. An act is never edited: a
correction is another act. Its time is the server's, on its journal entry; what a person says about time is a field.
"""

from __future__ import annotations

import secrets
from typing import Annotated, ClassVar, Literal

import msgspec
from msgspec import Meta

Role = Literal["staff", "nutritionist", "head"]
# Every one of them may do what the one before may.
ROLES: tuple[Role, ...] = ("staff", "nutritionist", "head")

ActId = Annotated[str, Meta(pattern=r"^[0-9a-f]{16,40}\Z")]
PersonId = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,31}\Z")]
Word = Annotated[str, Meta(max_length=80)]
Words = Annotated[str, Meta(max_length=1000)]
# Milliseconds UTC that a person may name: within the calendar.
Moment = Annotated[int, Meta(ge=0, le=2**43)]

# The "person" of what is done on the server's own machine, by whoever may read its files.
MACHINE = "-"


class Act(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="act"):
    """``id`` is made by whoever fills the form: the same act sent twice is one. ``by`` is the person who signed in, or
    ``MACHINE``."""

    # The least role that may write it.
    role: ClassVar[Role] = "staff"

    id: ActId
    by: str


def new_id() -> str:
    """A name for an act that is not written yet."""
    return secrets.token_hex(12)


def may(role: str, least: Role) -> bool:
    """Whether a role is enough."""
    return role in ROLES and ROLES.index(role) >= ROLES.index(least)
