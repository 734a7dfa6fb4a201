"""What a rule says about a sensor's readings, in one shape whatever the rule."""

from __future__ import annotations

from typing import Literal

import msgspec

from .rows import Severity, Spoken

Kind = Literal["limit", "rate", "door", "power", "defrost", "stuck", "spike", "cooking", "cooling", "reheating"]


class Finding(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``opened``: it is so from ``at_ms`` on; ``worsened``: a new worst value; ``closed``: it is over; ``passed``: food
    came through a process as it should. ``row`` is the profile's.

    ``began_ms``: when it began, ``ended_ms`` of a closing: when values last came back within the limit; ``beyond_ms``:
    measured time of it. ``early``: the milder word of a row that has two: too slow so far, or not proven.
    """

    kind: Kind
    row: Spoken
    event: Literal["opened", "worsened", "closed", "passed"]
    at_ms: int
    began_ms: int
    worst: float | None = None
    beyond_ms: int = 0
    ended_ms: int | None = None
    early: bool = False
    f_min: float | None = None

    @property
    def severity(self) -> Severity:
        """How bad it is."""
        return "warning" if self.early else self.row.severity

    @property
    def rule(self) -> str:
        """What it is called: the row's id, and another one for its milder word."""
        return f"{self.row.id}{EARLY}" if self.early else self.row.id


EARLY = "~"


def words(row: Spoken, severity: str) -> tuple[str, str, str, str]:
    """What happened and what to do, each in Indonesian and English, of a row at a severity."""
    if severity == "warning" and row.severity == "critical" and row.early_text_id:
        return row.early_text_id, row.early_text_en, row.early_action_id, row.early_action_en
    return row.text_id, row.text_en, row.action_id, row.action_en
