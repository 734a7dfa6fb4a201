"""What the journal is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

EntryKind = Literal[
    "batch", "refused", "config", "profile", "silence", "alert_sent", "set_aside", "replay", "repair", "restored",
    "sealed", "compacted", "act", "due",
]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One journal entry. ``spool``, ``first``, ``last`` and the chain values are a batch's; times are server ms UTC."""

    id: int
    kind: EntryKind
    received_ms: int
    gateway: str
    payload: bytes
    spool: str | None = None
    first: int | None = None
    last: int | None = None
    chain_before: bytes | None = None
    chain: bytes | None = None
    link: bytes = b""
