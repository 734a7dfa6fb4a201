"""What cannot be true in a record, where, and what to do about it."""

from __future__ import annotations

import msgspec

from ..store.journal import Entry

FROM_BACKUP = (
    "keep this file as evidence and restore the newest backup that verifies (pawon-server restore); "
    "gateways send again what they still hold"
)


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """Something that cannot be true. Places that do not apply are ``None``; ``sequence``: ``first..last``."""

    what: str
    expected: str
    found: str
    remedy: str
    journal_id: int | None = None
    gateway: str | None = None
    spool: str | None = None
    sequence: str | None = None

    def text(self) -> str:
        """For people, in one paragraph."""
        places = (("journal entry", self.journal_id), ("gateway", self.gateway), ("spool", self.spool),
                  ("sequence", self.sequence))  # fmt: skip
        where = ", ".join(f"{name} {value}" for name, value in places if value not in (None, ""))
        return (
            f"{where + ': ' if where else ''}{self.what}\n  expected: {self.expected}\n  found:    {self.found}\n"
            f"  remedy:   {self.remedy}"
        )


class Bad(Exception):  # noqa: N818 - leaves a walk with its finding; ``verify`` catches it
    """The walk ends here."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.what)
        self.finding = finding


def bad(entry: Entry, what: str, expected: str, found: str) -> Bad:
    """Something about one entry."""
    rows = None
    if entry.kind == "batch":
        rows = short(entry.first) if entry.first == entry.last else f"{short(entry.first)}..{short(entry.last)}"
    return Bad(
        Finding(
            journal_id=entry.id, gateway=short(entry.gateway) or None, spool=short(entry.spool) or None,
            sequence=rows, what=what, expected=expected, found=found, remedy=FROM_BACKUP,
        )
    )  # fmt: skip


def missing(number: int, found: str) -> Finding:
    """An entry that is not where it belongs."""
    return Finding(
        journal_id=number, what="an entry is missing: it was removed, or its number or kitchen was changed",
        expected=f"entry {number}", found=found, remedy=FROM_BACKUP,
    )  # fmt: skip


def short(value: object) -> str:
    """Whatever a hand put there, in few characters."""
    if value is None:
        return ""
    return value.hex()[:128] if isinstance(value, bytes) else str(value)[:128]
