"""What the server's clock decides about deadlines: journalled when it is decided, so that a rebuild need not guess.

A *watch* (cooked batches, calibrations, low stock) says what is due at a time and takes the decision when it comes back
from the journal. Silence has entries of its own, older than these.
"""

from __future__ import annotations

from typing import Literal, Protocol

import msgspec
from sqlalchemy import Connection

from ..rulebook import Rulebook
from ..store.journal import Entry
from .context import Changes


class Due(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Payload of a ``due`` journal entry. ``scope`` names the watch; ``rule`` a row of the profile; ``since_ms`` is
    when the deadline passed, ``at_ms`` when the server's clock said so. ``text``: what people are told, where a
    calculation decided it that another version may do otherwise."""

    scope: str
    subject: str
    rule: str
    state: Literal["warning", "critical", "ended"]
    since_ms: int
    at_ms: int
    text: str = ""


class Watch(Protocol):
    """A projection with deadlines."""

    def due(self, book: Rulebook, now_ms: int) -> list[Due]:
        """What is to be decided at ``now_ms`` and has not been. Reads memory only: it is asked every second."""

    def take_due(self, connection: Connection, book: Rulebook, due: Due, entry: Entry, changes: Changes) -> None:
        """A decision from the journal."""
