"""A default kitchen's day as its gateway sends it: 20 probes, 6 scales, one batch a commit. Not a test by itself.

The gateway's own reporter and weighing detector decide what is a row; the loop below keeps the gateway's times: eight
probes on the Pi's 1-wire are read one after another every 10 s (a conversion takes 750 ms), two boards send a frame
with six probes every second, what came is committed every 250 ms and sent after the card's sync. Modelled, with a fixed
seed: temperatures (a compressor's cycle, a probe's noise, a door now and then), people at the scales, and the jitter of
bus, card and network.
"""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from pawon_contract import chain, codec
from pawon_contract.messages import Envelope, Item
from pawon_edge.reporting import Reporter
from pawon_edge.sample import Sample
from pawon_edge.weighing import WeighingDetector
from pawon_server.rulebook import Rulebook, Sensor, Settings

WIRE, BOARDS, ON_BOARD, SCALES = 8, 2, 6, 6
PROBES = WIRE + BOARDS * ON_BOARD
COMMIT_MS = 250
SPOOL, BOOT = "00112233445566778899", "3b3fa94b-cab1-4b42-8e06-9e3512dfe0a6"
OFFSET_MS = 1_760_000_000_000
# Weighings a day at each scale.
WEIGHINGS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """One payload, when the server had it, and how many rows it holds."""

    payload: bytes
    received_ms: int
    rows: int


def book_of(book: Rulebook) -> Rulebook:
    """``book`` with this kitchen's sensors."""
    sensors = [
        Sensor(id=f"probe-{n}", gateway="gw-1", name=f"Probe {n}", point="chiller", quantity="temperature_c")
        for n in range(PROBES)
    ]
    sensors += [
        Sensor(id=f"scale-{n}", gateway="gw-1", name=f"Timbangan {n}", point="", quantity="mass_g")
        for n in range(SCALES)
    ]  # fmt: skip
    settings = Settings(
        kitchen=book.settings.kitchen, name=book.settings.name, timezone=book.settings.timezone, sensors=sensors,
        items=[], places=[],
    )  # fmt: skip
    return Rulebook(settings=settings, profile=book.profile)


def day(hours: float = 24.0, *, rows_a_batch: int | None = None, seed: int = 7) -> Iterator[Sent]:
    """The payloads of ``hours``. With ``rows_a_batch`` they are cut as a gateway cuts a backlog."""
    chance = random.Random(seed)
    first, link = 1, chain.genesis(SPOOL)
    waiting: list[Item] = []
    raws: list[bytes] = []
    tick = 60_000
    for at_ms, rows in _rows(hours, chance):
        while at_ms >= tick:
            if waiting:
                raws += [codec.encode_item(item) for item in waiting]
                waiting = []
            synced = tick + round(6 + chance.expovariate(0.5))
            while raws and (rows_a_batch is None or len(raws) >= rows_a_batch):
                cut, raws = (raws, []) if rows_a_batch is None else (raws[:rows_a_batch], raws[rows_a_batch:])
                for number, raw in enumerate(cut, first):
                    link = chain.link(link, number, BOOT, raw)
                payload = codec.encode(
                    Envelope(
                        spool=SPOOL, first=first, boot=BOOT, offset_ms=OFFSET_MS, clock="synced", error_ms=20,
                        sent_ms=synced, items=[msgspec.Raw(raw) for raw in cut], hash=link.hex(),
                    )
                )  # fmt: skip
                first += len(cut)
                yield Sent(
                    payload=payload, rows=len(cut), received_ms=OFFSET_MS + synced + round(2 + chance.expovariate(0.5))
                )
            tick += COMMIT_MS + (chance.random() < 0.2)
        waiting += rows


def _rows(hours: float, chance: random.Random) -> Iterator[tuple[int, list[Item]]]:
    """Rows as they come out of the gateway's intake, with their times, in order."""
    end = 60_000 + round(hours * 3_600_000)
    streams = [_wire(end, chance), *(_board(number, end, chance) for number in range(BOARDS))]
    streams += [_scale(number, end, chance) for number in range(SCALES)]
    yield from heapq.merge(*streams, key=lambda found: found[0])


class _Probe:
    """One chiller, its probe's noise, and its reports."""

    def __init__(self, number: int, chance: random.Random) -> None:
        self._chance, self._period_s, self._door = chance, chance.uniform(900, 2_400), 0.0
        self._reporter = Reporter(sensor=f"probe-{number}", step=0.2, heartbeat_s=60)

    def read(self, at_ms: int, spacing_s: float) -> list[Item]:
        opened = self._chance.random() < spacing_s / 7_200
        self._door = 2.5 if opened else self._door * math.exp(-spacing_s / 300)
        true = 3 + 0.8 * math.sin(at_ms / 1000 / self._period_s * math.tau) + self._door + self._chance.gauss(0, 0.02)
        value = round(true * 16) / 16
        sample = Sample(sensor=self._reporter.sensor, at_ms=at_ms, quantity="temperature_c", value=value)
        report = self._reporter.take(sample)
        return [] if report is None else [report]


def _wire(end: int, chance: random.Random) -> Iterator[tuple[int, list[Item]]]:
    probes = [_Probe(number, chance) for number in range(WIRE)]
    began = 60_000.0
    while began < end:
        at = began
        for probe in probes:
            at += 765 + chance.gauss(8, 1.5)
            yield round(at), probe.read(round(at), 10)
        began += 10_000 + chance.expovariate(1)


def _board(board: int, end: int, chance: random.Random) -> Iterator[tuple[int, list[Item]]]:
    probes = [_Probe(WIRE + board * ON_BOARD + number, chance) for number in range(ON_BOARD)]
    at = 60_000 + chance.random() * 1_000
    while at < end:
        now = round(at + chance.expovariate(1))
        yield now, [item for probe in probes for item in probe.read(now, 1)]
        at += 1_000.02


def _scale(number: int, end: int, chance: random.Random) -> Iterator[tuple[int, list[Item]]]:
    name = f"scale-{number}"
    reporter = Reporter(sensor=name, step=50, heartbeat_s=60)
    detector = WeighingDetector(sensor=name, division_g=20)
    moves = sorted(chance.uniform(60_000, end) for _ in range(max(1, round(WEIGHINGS * end / 86_400_000))))
    load, moving_until, at = float(chance.randrange(200, 2_500) * 20), 0.0, 60_000 + chance.random() * 200
    while at < end:
        near = moves and at > moves[0] - 5_000
        at += 200 + chance.gauss(0, 2) if near or at < moving_until + 40_000 else 1_000 + chance.gauss(0, 2)
        if moves and at > moves[0]:
            moves.pop(0)
            load = max(0.0, load + chance.choice((-1, 1)) * chance.randrange(1, 250) * 20)
            moving_until = at + 2_000
        shown = round((load + (chance.gauss(0, 400) if at < moving_until else 0)) / 20) * 20.0
        sample = Sample(sensor=name, at_ms=round(at), quantity="mass_g", value=shown)
        report = reporter.take(sample)
        rows: list[Item] = ([] if report is None else [report]) + list(detector.take(round(at), shown))
        if rows:
            yield round(at), rows
