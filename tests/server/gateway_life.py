"""A gateway's life with a true clock: boots, power cuts, guesses, late sync, backlogs. Not a test by itself.

The truth is known here and nowhere else. The gateway keeps its time as gateways do (``Timekeeper``); its monotonic
clock drifts by up to 100 ppm, its guess begins at the last time it saved, the server's clock is right within a second,
and a broker may hold a batch for an hour.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field

import msgspec

from pawon_contract import chain, codec
from pawon_contract.clocks import DRIFT_PPM
from pawon_contract.messages import Envelope, Item
from pawon_edge.clock import Offset, Timekeeper

BEGIN_MS = 1_760_000_000_000
MINUTE, HOUR = 60_000, 3_600_000
SPOOL = "0123456789abcdef0123"


@dataclass
class TrueBoot:
    """One boot: ``began_ms`` is the true time of its monotonic zero."""

    name: str
    began_ms: float
    ppm: int
    newest_at: int = 0
    kept: Offset = field(default_factory=lambda: Offset(offset_ms=0, quality="guess", error_ms=0))

    def true_ms(self, at: int) -> float:
        """When its monotonic clock says ``at``."""
        return self.began_ms + at * (1 + self.ppm / 1_000_000)


@dataclass
class TrueRow:
    """An accepted row."""

    boot: TrueBoot
    at: int
    raw: bytes
    chain: bytes


@dataclass
class Arriving:
    """A batch on its arrival, with all that it says."""

    envelope: Envelope
    newest_at: int
    received_ms: int
    sender: TrueBoot
    rows: list[TrueRow]


@dataclass
class Life:
    """``batches`` lives it: it gives what arrives at the server, in order."""

    chance: random.Random
    boots: list[TrueBoot] = field(default_factory=list)
    rows: list[TrueRow] = field(default_factory=list)
    spool: str = SPOOL
    # Powered off so long at least: what stamps of known boots may be off by must not be longer for an order to exist.
    off_ms: int = MINUTE
    # How its boots learn the time, if at all; the last one always does.
    sources: tuple[str, ...] = ("never", "kernel", "server")
    most_batch: int = 12

    def batches(self, boots: int) -> Iterator[Arriving]:
        """Live ``boots`` boots."""
        chance, now_ms, saved_ms = self.chance, float(BEGIN_MS), BEGIN_MS - 90 * 24 * HOUR
        self.received_ms, self.stored = BEGIN_MS, 0
        self.server_off_ms = chance.randint(-1_000, 1_000)
        for number in range(boots):
            last = number == boots - 1
            source = chance.choice([one for one in self.sources if one != "never"] if last else self.sources)
            name = f"{chance.getrandbits(32):08x}-cab1-4b42-8e06-9e3512dfe0a6"
            boot = TrueBoot(name, now_ms, chance.randint(-DRIFT_PPM, DRIFT_PPM))
            self.boots.append(boot)
            time = Timekeeper(boot=name, offset=Offset(offset_ms=saved_ms, quality="guess", error_ms=0))
            length = chance.randint(1, 10)
            learns = 0 if last else chance.randint(0, length)
            online = source == "server" or last or chance.random() < 0.5
            at = 0
            for step in range(length):
                at += 10_000 + chance.choice([1_000, MINUTE, HOUR, 6 * HOUR])
                knows = step >= learns
                if source == "kernel" and knows:
                    error = chance.randint(50, 900)
                    off = chance.randint(-error + 2, error - 2)
                    time.observe_wall(round(boot.true_ms(at)) + off, at, error, "guess")
                else:
                    time.observe_wall(saved_ms + at, at, None, "guess")
                self._accept(boot, at, time)
                if online and chance.random() < 0.7:
                    yield from self._send(boot, at, time, answers=source == "server" and knows)
            if last:  # until everything is there, and once more for what the answers brought
                for _ in range(2):
                    at += MINUTE
                    self._accept(boot, at, time)
                    yield from self._send(boot, at, time, answers=True)
            boot.newest_at = at
            believed_ms = time.offset.offset_ms + at
            # What was saved last lies before the cut: the next boot begins in the past.
            saved_ms = believed_ms - chance.choice([0, MINUTE, HOUR, 40 * HOUR])
            now_ms = boot.true_ms(at) + self.off_ms + chance.choice([0, 1_000, HOUR, 30 * HOUR])

    def _accept(self, boot: TrueBoot, at: int, time: Timekeeper) -> None:
        fix = time.take_fix()
        for item in [*([] if fix is None else [fix]), *self.items(at)]:
            raw = codec.encode_item(item)
            before = self.rows[-1].chain if self.rows else chain.genesis(self.spool)
            linked = chain.link(before, len(self.rows) + 1, boot.name, raw)
            self.rows.append(TrueRow(boot, item.at_ms, raw, linked))
        boot.kept = time.offset

    def items(self, at: int) -> list[Item]:
        """What is measured at ``at``."""
        from tests.server.sender import temperature

        return [temperature(self.chance.choice([3.0, 9.0, 12.0]), at)]

    def _send(self, boot: TrueBoot, at: int, time: Timekeeper, *, answers: bool) -> Iterator[Arriving]:
        while self.stored < len(self.rows):
            first = self.stored
            of = self.rows[first].boot
            last = first
            while last < len(self.rows) and self.rows[last].boot is of and last - first < self.most_batch:
                last += 1
            rows = self.rows[first:last]
            offset = time.at(at) if of is boot else of.kept
            held_ms = self.chance.choice([0, 20, 1_500] if answers else [0, 20, 1_500, HOUR])
            # One connection delivers in order.
            self.received_ms = max(self.received_ms, round(boot.true_ms(at)) + held_ms + self.server_off_ms)
            envelope = Envelope(
                spool=self.spool, first=first + 1, boot=of.name, offset_ms=offset.offset_ms, clock=offset.quality,
                error_ms=offset.error_ms, sent_ms=at, sent_boot=None if of is boot else boot.name,
                items=[msgspec.Raw(row.raw) for row in rows], hash=rows[-1].chain.hex(),
            )  # fmt: skip
            self.stored = last
            yield Arriving(envelope, rows[-1].at, self.received_ms, boot, rows)
            if answers:
                back = self.chance.randint(1, 500)
                server_ms = round(boot.true_ms(at + held_ms))
                time.observe_server(server_ms, at, at + held_ms + back)
