"""Sealed segments: bytes a row with everything included, rows a CPU-second, and what ingest feels of the upkeep.

The day is ``tests/server/kitchen_day.py``: the gateway's own reporter, detector and rhythm with modelled jitter.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.server.conftest import BOOK, Bench
from tests.server.kitchen_day import book_of, day
from tests.server.sender import Sender
from tests.server.straight import Straight

from pawon_contract import codec
from pawon_contract.messages import Envelope, Reading
from pawon_server.ingest.acceptance import Incoming
from pawon_server.projections.context import Changes
from pawon_server.record.upkeep import DAY_MS, Upkeep
from pawon_server.record.verify import verify
from pawon_server.store import columns
from pawon_server.store.database import open_store, open_to_read
from pawon_server.store.segments import open_run, pack_run

STORE_ROWS = 1_000_000
# A default kitchen commits about every two seconds; here ten times as often.
EVERY_S, SECONDS = 0.2, 30


def seal() -> None:
    """Bytes a row of a default kitchen's day, and answer times while a large store is sealed and compacted."""
    for rows_a_batch, name in ((None, "one batch a commit"), (100, "batches of 100")):
        with tempfile.TemporaryDirectory() as folder:
            size(Path(folder), rows_a_batch, name)
    with tempfile.TemporaryDirectory() as folder:
        answers(Path(folder))


def size(folder: Path, rows_a_batch: int | None, name: str) -> None:
    """A day through the record's way in, then sealed."""
    record = Straight(folder / "pawon.db", book_of(BOOK))
    sent = list(day(rows_a_batch=rows_a_batch))
    for start in range(0, len(sent), 500):
        with record.store.writer.begin() as connection:
            for one in sent[start : start + 500]:
                message = Incoming(gateway="gw-1", payload=one.payload, received_ms=one.received_ms)
                record.acceptance.incoming(connection, message, Changes(), project=True)
            record.acceptance.flush(connection)
    rows = sum(one.rows for one in sent)
    items = [bytes(item) for one in sent for item in _envelope(one.payload).items]
    readings = [item for item in items if b'"reading"' in item]
    before = _bytes(record, "journal")
    cpu = time.process_time()
    while record.seal():
        pass
    cpu = time.process_time() - cpu
    sealed = record.rows("SELECT sum(length(content)) FROM segment")[0][0]
    assert isinstance(sealed, int)
    contents = [bytes(row[0]) for row in record.rows("SELECT content FROM segment")]  # type: ignore[arg-type]  # bytes
    opening = time.process_time()
    runs = [open_run(content) for content in contents]
    opening = time.process_time() - opening
    packing = time.process_time()
    for run in runs:
        pack_run(run.head.first_id, run.head.last_id, [batch.entry for batch in run.batches])
    packing = time.process_time() - packing
    proving = time.process_time()
    assert verify(open_to_read(record.store.address), "dapur-uji").ok
    proving = time.process_time() - proving
    numbers = sum(item.count(b"[") for item in items if b'"weighing"' in item)
    print(f"  a day, {name}: {rows} rows ({len(readings)} readings, {rows - len(readings)} weighings with {numbers} "
          f"samples) in {len(sent)} batches, {len(contents)} segments")  # fmt: skip
    print(f"    everything {sealed / rows:.2f} B a row; readings alone {_packed(readings) / len(readings):.2f}, "
          f"all rows {_packed(items) / rows:.2f}; the journal's table was {before / rows:.0f} B a row")  # fmt: skip
    print(f"    {rows / packing:,.0f} rows packed, {rows / opening:,.0f} opened, {rows / proving:,.0f} proven, "
          f"{rows / cpu:,.0f} sealed (proven, packed, opened, compared) a cpu-s", flush=True)  # fmt: skip
    record.close()


def answers(folder: Path) -> None:
    """Wall milliseconds from a batch to its answer, without and with the upkeep at work."""
    bench = Bench(open_store(folder / "pawon.db"), book=book_of(BOOK))
    sender = Sender()
    began_ms = bench.now_ms
    for number in range(0, STORE_ROWS, 1_000):
        sender.add(*(_reading(n) for n in range(number, number + 1_000)))
        for first in range(number + 1, number + 1_000, 100):
            bench.now_ms = began_ms + first * 3_000
            bench.writer.put("gw-1", sender.batch(first, first + 99))
        bench.until(lambda: bench.writer.waiting < 100, "the writer")
    bench.until(lambda: bench.writer.waiting == 0, "the writer")
    bench.now_ms += 100 * DAY_MS
    rows = _live(sender)
    _tell(f"answer, a store of {STORE_ROWS} readings, nothing else at work", _asked(bench, rows))
    for name in ("sealing", "compaction"):
        keeper = Upkeep(
            bench.store.reader, bench.store.address, "dapur-uji", "Asia/Jakarta", seal_after_days=7, raw_days=7,
            step=bench.writer.run_step, utc_ms=lambda: bench.now_ms,
        )  # fmt: skip
        thread = threading.Thread(target=keeper.seal if name == "sealing" else keeper.compact, daemon=True)
        before = bench.writer.steps
        thread.start()
        _tell(f"answer, {name} at work", _asked(bench, rows))
        steps = bench.writer.steps - before
        print(f"    meanwhile {steps} steps; {bench.writer.overflowed} messages overflowed", flush=True)
        keeper.stop()
        thread.join()
    bench.writer.stop()
    bench.store.close()


def _asked(bench: Bench, rows: Iterator[bytes]) -> list[float]:
    waited = []
    for _ in range(int(SECONDS / EVERY_S)):
        began = time.perf_counter()
        told = len(bench.answers)
        bench.writer.put("gw-1", next(rows))
        while len(bench.answers) == told:
            threading.Event().wait(0.0005)
        waited.append(time.perf_counter() - began)
        threading.Event().wait(max(0.0, EVERY_S - waited[-1]))
    return waited


def _live(sender: Sender) -> Iterator[bytes]:
    """One new row after another."""
    while True:
        number = len(sender.rows)
        sender.add(_reading(number))
        yield sender.batch(number + 1, number + 1)


def _reading(number: int) -> Reading:
    return Reading(
        at_ms=number * 3_000, sensor=f"probe-{number % 20}", quantity="temperature_c", value=3 + number % 32 / 16,
        count=6, low=3.0, high=5.0,
    )  # fmt: skip


def _tell(name: str, seconds: list[float]) -> None:
    cuts = statistics.quantiles(seconds, n=100)
    print(f"  {name:<60} p50 {cuts[49] * 1000:6.1f} ms   p99 {cuts[98] * 1000:6.1f} ms   most "
          f"{max(seconds) * 1000:6.1f} ms   of {len(seconds)}", flush=True)  # fmt: skip


def _envelope(payload: bytes) -> Envelope:
    envelope = codec.decode(payload, Envelope)
    assert isinstance(envelope, Envelope)
    return envelope


def _packed(items: list[bytes]) -> int:
    return len(columns.pack(items))


def _bytes(record: Straight, table: str) -> int:
    """What a table holds: its payloads, columns and chain values, without the indexes."""
    found = record.rows(
        f"SELECT sum(length(payload) + length(link) + coalesce(length(chain) + length(chain_before), 0)) FROM {table}"
    )[0][0]
    assert isinstance(found, int)
    return found
