"""A gateway's sending side in memory: rows with their chain, cut into batches at will. Not a test by itself."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from pawon_contract import chain, codec
from pawon_contract.messages import ClockQuality, Envelope, Item, Reading

SPOOL = "00112233445566778899"
BOOT = "3b3fa94b-cab1-4b42-8e06-9e3512dfe0a6"


@dataclass
class Sender:
    """Rows of one spool. ``offset_ms`` + monotonic = UTC, as the sender believes."""

    spool: str = SPOOL
    boot: str = BOOT
    offset_ms: int = 1_760_000_000_000
    clock: ClockQuality = "synced"
    rows: list[bytes] = field(default_factory=list)
    lasts: list[int] = field(default_factory=list)
    chains: list[bytes] = field(default_factory=list)

    def add(self, *items: Item | bytes) -> Sender:
        """Accept rows, as the spool does."""
        for item in items:
            raw = item if isinstance(item, bytes) else codec.encode_item(item)
            before = self.chains[-1] if self.chains else chain.genesis(self.spool)
            self.lasts.append(len(self.rows) + 1)
            self.chains.append(chain.link(before, len(self.rows) + 1, self.boot, raw))
            self.rows.append(raw)
        return self

    def batch(self, first: int = 1, last: int | None = None, sent_ms: int = 10**9, **other: object) -> bytes:
        """Rows ``first``..``last`` as a payload."""
        last = len(self.rows) if last is None else last
        fields: dict[str, object] = {
            "spool": self.spool, "first": first, "boot": self.boot, "offset_ms": self.offset_ms, "clock": self.clock,
            "sent_ms": sent_ms, "items": [msgspec.Raw(raw) for raw in self.rows[first - 1 : last]],
            "hash": self.chains[last - 1].hex(), **other,
        }  # fmt: skip
        return codec.encode(Envelope(**fields))  # type: ignore[arg-type]  # fields of the struct, by name


def temperature(value: float, at_ms: int, sensor: str = "chiller-1", every_s: float = 60) -> Reading:
    """One report of a probe."""
    return Reading(at_ms=at_ms, sensor=sensor, quantity="temperature_c", value=value, every_s=every_s)
