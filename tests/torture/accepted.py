"""What the gateway accepted, as the ear heard it, beside what the server holds: the oracle of the whole road.

Accepted: ``Spool.append`` returned (a transaction with FULL sync). A row whose append was cut short may be there or
not, but only as it was given. What the devices showed, and when, is the truth for values and times.
"""

from __future__ import annotations

import json
import sqlite3
from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from pawon_contract import chain, codec
from pawon_contract.messages import TRUSTED_CLOCKS, ClockFix, Envelope, Gap, Reading
from pawon_edge.spool import Spool
from pawon_server.projections.boot_times import span
from pawon_server.projections.boots import boot_of

# Between the change of a probe's file and the stamp of its reading: one read, on a machine that is busy.
SLACK_MS = 500
KEPT = 20  # troubles told of each kind


@dataclass(slots=True, kw_only=True)
class Accepted:
    """``rows`` and ``unsure``: (spool, sequence) -> (boot, bytes); the unsure ones were being appended at a kill."""

    rows: dict[tuple[str, int], tuple[str, bytes]] = field(default_factory=dict)
    unsure: dict[tuple[str, int], list[tuple[str, bytes]]] = field(default_factory=dict)
    twice: list[str] = field(default_factory=list)

    def last(self, spool: str) -> int:
        """The newest accepted row of a spool."""
        return max((sequence for name, sequence in self.rows if name == spool), default=0)


def read_ear(file: Path) -> Accepted:
    """The ear's lines. A kill may have left the last line of a life half written; it then ends in no newline."""
    heard, coming = Accepted(), None
    for line in file.read_bytes().split(b"\n"):
        try:
            said = json.loads(line)
        except ValueError:
            continue
        if "items" in said:
            coming = said
            for number, raw in enumerate(said["items"]):
                key = (said["id"], said["first"] + number)
                heard.unsure.setdefault(key, []).append((said["boot"], raw.encode()))
        elif coming is not None:
            # Rows that landed in an append which failed are recognised and not given a number again.
            count = said["last"] - coming["first"] + 1
            for number, raw in enumerate(coming["items"][len(coming["items"]) - count :] if count > 0 else []):
                key = (coming["id"], coming["first"] + number)
                if key in heard.rows:
                    heard.twice.append(f"row {key[1]} of spool {key[0]} was accepted twice")
                heard.rows[key] = (coming["boot"], raw.encode())
            coming = None
    return heard


@dataclass(slots=True, kw_only=True)
class Verdict:
    """What a round came to. ``trouble`` names places; ``in_spool``: accepted rows that were still to be sent."""

    rows: int = 0
    readings: int = 0
    lost: int = 0
    doubled: int = 0
    altered: int = 0
    invented: int = 0
    out_of_order: int = 0
    mis_timed: int = 0
    time_unknown: int = 0
    in_spool: int = 0
    refused: int = 0
    incidents: int = 0
    worst_time_error_ms: int = 0
    server_memory_mb: float = 0.0
    trouble: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Whether every promise was kept."""
        return not self.trouble

    def tell(self, kind: str, text: str) -> None:
        """Count and name a trouble."""
        setattr(self, kind, getattr(self, kind) + 1)
        self.note(f"{kind}: {text}")

    def note(self, text: str) -> None:
        """Name a trouble."""
        if len(self.trouble) < KEPT:
            self.trouble.append(text)


@dataclass(slots=True)
class Shown:
    """What each device showed: from when (true ms) which value."""

    since_ms: dict[str, list[int]] = field(default_factory=dict)
    values: dict[str, list[float]] = field(default_factory=dict)

    def show(self, sensor: str, at_ms: int, value: float) -> None:
        """A device shows another value from now on."""
        self.since_ms.setdefault(sensor, []).append(at_ms)
        self.values.setdefault(sensor, []).append(value)

    def error_ms(self, sensor: str, measured_ms: int, value: float, bound_ms: int) -> int | None:
        """How far ``measured_ms`` lies from the nearest time at which the device showed ``value``; ``None``: further
        than ``bound_ms``."""
        since, values = self.since_ms[sensor], self.values[sensor]
        best: int | None = None
        place = max(0, bisect_right(since, measured_ms - bound_ms) - 1)
        while place < len(since) and since[place] <= measured_ms + bound_ms:
            until = since[place + 1] if place + 1 < len(since) else 1 << 62
            if values[place] == value and until >= measured_ms - bound_ms:
                away = max(0, since[place] - measured_ms, measured_ms - until)
                best = away if best is None else min(best, away)
            place += 1
        return best


def compare(
    store_file: Path, spool_file: Path, heard: Accepted, must_be_there: int, shown: Shown | None,
    *, gateway: str = "gw-1",
) -> Verdict:  # fmt: skip
    """Everything accepted is at the server, once, as it was, in order and in time; or, above ``must_be_there``, still
    in the spool."""
    verdict = Verdict()
    for text in heard.twice:
        verdict.tell("doubled", text)
    spool = Spool(spool_file)
    try:
        name = spool.id
        waiting: dict[int, tuple[str, bytes]] = {}
        first = must_be_there + 1
        while part := spool.read(first, limit=500, max_bytes=1 << 20):
            waiting |= {row.sequence: (row.boot, row.item) for row in part}
            first = part[-1].last + 1
        refused = {sequence for sequence, _, _ in spool.refused()}
    finally:
        spool.close()
    with sqlite3.connect(f"file:{store_file}?mode=ro", uri=True) as store:
        stored, bounds = _stored(store, gateway, name, verdict)
        for (owner, sequence), truth in heard.rows.items():
            if owner != name:
                verdict.tell("lost", f"row {sequence} is of another spool, {owner}")
            elif sequence in stored:
                if stored[sequence] != truth and sequence not in refused:
                    verdict.tell("altered", f"row {sequence}: accepted {truth}, stored {stored[sequence]}")
                verdict.refused += sequence in refused
            elif waiting.get(sequence) == truth and sequence > must_be_there:
                verdict.in_spool += 1
            else:
                verdict.tell("lost", f"row {sequence} ({must_be_there} must be there): {truth}")
        for sequence, row in stored.items():
            key = (name, sequence)
            if key not in heard.rows and row not in heard.unsure.get(key, []):
                verdict.tell("invented", f"row {sequence}: {row}")
        verdict.rows = len(stored)
        _check_readings(store, gateway, name, stored, bounds, shown, verdict)
    store.close()
    return verdict


def _stored(
    store: sqlite3.Connection, gateway: str, spool: str, verdict: Verdict
) -> tuple[dict[int, tuple[str, bytes]], dict[int | str, int]]:
    """The journal's rows of one spool, walked from the genesis; and the bound on the time's error that was stated: by
    the batch for a row of known time, by the ``ClockFix`` for a boot whose time became known later."""
    stored: dict[int, tuple[str, bytes]] = {}
    bounds: dict[int | str, int] = {}
    value, upto = chain.genesis(spool), 0
    newest: dict[tuple[str, str], int] = {}
    batches = store.execute(
        "SELECT payload, first, chain FROM journal WHERE kind = 'batch' AND gateway = ? AND spool = ? ORDER BY id",
        (gateway, spool),
    )
    for payload, first, after in batches:
        envelope = codec.decode(payload, Envelope)
        assert isinstance(envelope, Envelope)
        if first != upto + 1:
            verdict.tell("out_of_order", f"a batch begins at {first} after row {upto}")
        for row in codec.rows(envelope, value, after=first - 1):
            if row.sequence in stored:
                verdict.tell("doubled", f"row {row.sequence}")
            stored[row.sequence] = (envelope.boot, row.raw)
            bounds[row.sequence] = envelope.error_ms
            upto, value = row.last, row.chain
            if isinstance(row.item, Gap):
                verdict.tell("lost", f"rows {row.sequence}..{row.last}: {row.item.reason}")
            elif isinstance(row.item, Reading):
                key = (envelope.boot, row.item.sensor)
                if row.item.at_ms <= newest.get(key, -1):
                    verdict.tell("out_of_order", f"{row.item.sensor} at row {row.sequence}")
                newest[key] = row.item.at_ms
            elif isinstance(row.item, ClockFix):
                bounds.setdefault(row.item.boot, row.item.error_ms)
        if value != after:
            verdict.tell("altered", f"the chain breaks before row {upto}")
    return stored, bounds


def _check_readings(
    store: sqlite3.Connection, gateway: str, spool: str, stored: dict[int, tuple[str, bytes]],
    bounds: dict[int | str, int], shown: Shown | None, verdict: Verdict,
) -> None:  # fmt: skip
    """Each stored reading stands once in the table, with its value, at a time when the device showed it: within the
    stated error, or, of a boot that never learnt the time and was dated by its neighbours, within its span."""
    columns = [str(row[1]) for row in store.execute("PRAGMA table_info(boot)")]
    boots = {
        str(row["boot"]): boot_of(row)
        for row in (dict(zip(columns, found, strict=True)) for found in store.execute("SELECT * FROM boot"))
        if row["gateway"] == gateway
    }
    wanted = {}
    for sequence, (boot, raw) in stored.items():
        item = codec.decode_item(raw)
        if isinstance(item, Reading):
            wanted[sequence] = (boot, item)
    found: Counter[int] = Counter()
    rows = store.execute(
        "SELECT sequence, sensor, value, boot, measured_ms, clock, first_measured_ms, at_ms FROM reading "
        "WHERE gateway = ? AND spool = ?",
        (gateway, spool),
    )
    for sequence, sensor, value, boot, measured_ms, clock, guessed_ms, at_ms in rows:
        found[sequence] += 1
        truth = wanted.get(sequence)
        if truth is None or (truth[0], truth[1].sensor, truth[1].value) != (boot, sensor, value):
            verdict.tell("altered", f"reading {sequence} is {sensor} {value}, accepted was {truth}")
        bound_ms = bounds[sequence] if clock in TRUSTED_CLOCKS else bounds.get(boot)
        if bound_ms is None and guessed_ms is not None:
            earliest_ms, latest_ms = span(boots[boot], at_ms)
            if earliest_ms is not None and latest_ms is not None:
                bound_ms = max(latest_ms - measured_ms, measured_ms - earliest_ms)
        if bound_ms is None or (clock not in TRUSTED_CLOCKS and guessed_ms is None):
            verdict.time_unknown += 1
        elif shown is not None:
            bound_ms += SLACK_MS
            away = shown.error_ms(sensor, measured_ms, value, bound_ms)
            if away is None:
                verdict.tell("mis_timed", f"reading {sequence}: {sensor} {value} at {measured_ms} ± {bound_ms}")
            elif clock in TRUSTED_CLOCKS or boot in bounds:
                verdict.worst_time_error_ms = max(verdict.worst_time_error_ms, away)
    verdict.readings = len(found)
    for sequence in wanted.keys() - found.keys():
        verdict.tell("lost", f"reading {sequence} is in the journal and not in its table")
    for sequence, count in found.items():
        if count > 1:
            verdict.tell("doubled", f"reading {sequence} stands {count} times")
