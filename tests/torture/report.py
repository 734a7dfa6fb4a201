"""The report of a torture run, as JSON: what was done, with which seed, and what came of it."""

from __future__ import annotations

from pathlib import Path

import msgspec


class Round(msgspec.Struct, frozen=True, kw_only=True):
    """One round of the whole road. ``faults``: how often each was done; ``trouble`` is empty when all went well.
    ``server_memory_mb`` is the most that the server's last life held."""

    seed: int
    theme: str
    seconds: float
    faults: dict[str, int]
    rows: int = 0
    readings: int = 0
    incidents: int = 0
    lost: int = 0
    doubled: int = 0
    altered: int = 0
    invented: int = 0
    out_of_order: int = 0
    mis_timed: int = 0
    time_unknown: int = 0
    in_spool: int = 0
    worst_time_error_ms: int = 0
    server_memory_mb: float = 0.0
    trouble: list[str] = []

    @property
    def kills(self) -> int:
        """Programs killed."""
        return sum(count for name, count in self.faults.items() if name.startswith("kill -9"))


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """Another run: its figures by name; ``trouble`` is empty when all went well."""

    seed: int
    seconds: float
    counts: dict[str, int | float]
    trouble: str = ""


class Report(msgspec.Struct, kw_only=True):
    """Everything."""

    machine: str = ""
    ended: str = ""
    rounds: list[Round] = []
    parts: dict[str, Part] = {}


def read_report(path: Path) -> Report:
    """What is there already, so that parts can be run apart; else an empty one."""
    return msgspec.json.decode(path.read_bytes(), type=Report) if path.exists() else Report()


def write_report(path: Path, report: Report) -> None:
    """Whole or not at all."""
    new = path.with_name(f"{path.name}.new")
    new.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=1) + b"\n")
    new.replace(path)
