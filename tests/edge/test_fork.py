"""Two cards of one beginning: where they part is found, and this card's rows go on in a spool of their own."""

from __future__ import annotations

import shutil
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pawon_contract import chain, codec
from pawon_contract.messages import Answers, Committed, Fork, Gap, Reading, Refused
from pawon_edge.clock import Offset
from pawon_edge.spool import Spool, opening, quarantine, store
from pawon_edge.uplink.fork import ForkSearch, Question

SPOOL = "00112233445566778899"
BOOT = "3b3fa94b-cab1-4b42-8e06-9e3512dfe0a6"


class Record:
    """What the server would answer about single rows: it holds ``held`` rows, the same as the card's below ``parts``,
    with gaps over some of them."""

    def __init__(self, held: int, parts: int, gaps: list[tuple[int, int]]) -> None:
        self.held, self.parts, self.gaps = held, parts, gaps
        self.asked = 0

    def answer(self, question: Question) -> Committed:
        """The word about one row."""
        self.asked += 1
        assert question.last <= self.held, "what it does not hold would be taken as a continuation"
        covered = next((to for first, to in self.gaps if first <= question.last < to), None)
        if covered is None and question.last >= self.parts:
            refused = Refused(digest=question.digest, reason="chain", fork=True)
            return Committed(spool=SPOOL, epoch="00000001", upto=self.held, refused=refused)
        answers = Answers(first=question.first, sent_ms=question.sent_ms, covered_to=covered)
        return Committed(spool=SPOOL, epoch="00000001", upto=self.held, answers=answers)


def runs(widths: list[int], last: int) -> list[tuple[int, int]]:
    """Consecutive ranges of these widths from 1 on, the last one cut at ``last``."""
    found, at = [], 1
    for width in widths:
        if at <= last:
            found.append((at, min(last, at + width - 1)))
        at += width
    return found + [(n, n) for n in range(at, last + 1)]


widths = st.lists(st.one_of(st.just(1), st.just(1), st.integers(1, 9)), max_size=60)


@given(card=widths, record=widths, last=st.integers(1, 90), held=st.integers(1, 90), parts=st.integers(1, 100))
def test_the_first_row_that_differs_is_found(
    card: list[int], record: list[int], last: int, held: int, parts: int
) -> None:
    """Whatever gaps both sides have: no row that the server holds is sent again, none that it lacks is passed over."""
    rows = runs(card, last)
    gaps = [run for run in runs(record, held) if run[1] > run[0]]
    server = Record(held, parts, gaps)
    search = ForkSearch(spool=SPOOL, differs=min(held, last) + 1)
    number = 0
    while search.found is None:
        first, to = next(row for row in rows if row[1] >= search.next)
        if not search.worth_asking(first, to):
            continue
        number += 1
        search.asked = Question(first=first, last=to, sent_ms=number, digest=f"{number:064x}")
        search.hear(server.answer(search.asked))
    assert server.asked <= 40
    found = search.found
    # A row of this card that the record holds as it is, by itself and not hidden in a gap, is never sent again.
    for first, to in rows:
        hidden = any(begin <= to and first <= end for begin, end in gaps)
        if to < min(parts, held + 1) and not hidden:
            assert first < found
    # What the record does not hold, or holds differently, is sent, gaps of the record apart: its end may prove it.
    first_lacking = min(parts, held + 1, last + 1)
    covering = [end for begin, end in gaps if begin <= first_lacking <= end and end < parts]
    assert found <= max([first_lacking, *(end + 1 for end in covering)])


def test_an_answer_to_another_question_tells_nothing() -> None:
    """Late words, other spools and refusals of other payloads do not move the search."""
    search = ForkSearch(spool=SPOOL, differs=11)
    asked = search.asked = Question(first=5, last=5, sent_ms=9, digest="0" * 64)
    for answer in (
        Committed(spool=SPOOL, epoch="00000001", upto=10, answers=Answers(first=5, sent_ms=8)),
        Committed(spool="f" * 20, epoch="00000001", upto=10, answers=Answers(first=5, sent_ms=9)),
        Committed(spool=SPOOL, epoch="00000001", upto=10, refused=Refused(digest="1" * 64, reason="x", fork=True)),
        Committed(spool=SPOOL, epoch="00000001", upto=10),
    ):
        search.hear(answer)
        assert (search.asked, search.agreed, search.differs) == (asked, 0, 11)


def reading(n: int) -> bytes:
    """One row."""
    return codec.encode_item(Reading(at_ms=n * 1000, sensor="chiller-1", quantity="temperature_c", value=n / 8))


def filled(path: Path) -> Spool:
    """Twelve rows with a gap at 5..6, a refused row 9, an offset and a scale."""
    spool = Spool(path)
    offset = (Offset(offset_ms=1_760_000_000_000, quality="synced", error_ms=50), True)
    spool.append(BOOT, [reading(n) for n in range(1, 13)], scales={"scale-1": 25_000}, offset=offset)
    spool.refuse(9, "poison", 0)
    return spool


def test_rows_from_the_fork_on_begin_a_spool_of_their_own(tmp_path: Path) -> None:
    """New numbers, a new chain that holds, gaps that still stand for as many rows, the fork behind them, and the
    old file whole beside it."""
    spool = filled(tmp_path / "spool.db")
    old = spool.id
    spool.part(spool.id, 8, BOOT, 99_000)
    assert spool.id != old
    rows = spool.read(1, limit=100, max_bytes=10**6)
    assert [row.sequence for row in rows] == [1, 2, 3, 4, 5, 6]
    items = [codec.decode_item(row.item) for row in rows]
    assert isinstance(items[1], Gap)
    assert (items[1].from_, items[1].to, items[1].reason) == (2, 2, "refused")
    assert [row.item for row in rows if row.sequence not in (2, 6)] == [reading(n) for n in (8, 10, 11, 12)]
    assert items[-1] == Fork(at_ms=99_000, spool=old, first=8)
    value = chain.genesis(spool.id)
    for row, item in zip(rows, items, strict=True):
        value = bytes.fromhex(item.chain) if isinstance(item, Gap) else chain.link(value, row.sequence, BOOT, row.item)
        assert row.chain == value
    assert spool.scale_values() == {"scale-1": 25_000}
    assert spool.boot_offset(BOOT) is not None
    assert [(sequence, raw) for sequence, _, raw in spool.refused()] == [(2, reading(9))]
    spool.append(BOOT, [reading(20)])
    spool.close()
    again = Spool(tmp_path / "spool.db")
    assert (again.id, again.last) == (spool.id, 7)
    again.close()
    (kept,) = quarantine.aside(tmp_path / "spool.db", mark="forked")
    shutil.copy(kept, tmp_path / "old.db")
    before = opening.open_spool(tmp_path / "old.db", datetime.now(UTC))
    assert (before.spool, before.last) == (old, 12)
    before.db.close()


def test_a_gap_that_thinning_left_is_carried_whole(tmp_path: Path) -> None:
    """Where the fork lies within a gap of the card, the gap goes over as a whole, and the new spool is sound."""
    spool = Spool(tmp_path / "spool.db")
    spool.append(BOOT, [reading(n) for n in range(1, 13)])
    spool._thin()
    assert [row.last for row in spool.read(1, limit=9, max_bytes=10**6)] == [12]
    spool.append(BOOT, [reading(13)])
    spool.part(spool.id, 8, BOOT, 99_000)
    rows = [row for first in (1, 13) for row in spool.read(first, limit=9, max_bytes=10**6)]
    assert [(row.sequence, row.last) for row in rows] == [(1, 12), (13, 13), (14, 14)]
    name = spool.id
    spool.close()
    again = Spool(tmp_path / "spool.db")
    assert (again.id, again.last, again.trouble[:20]) == (name, 14, "this card was copied")
    again.close()


def test_a_part_that_could_not_be_opened_is_not_done_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The new file stands, only opening it failed: the next call opens it, and asking again to part does nothing."""
    spool = filled(tmp_path / "spool.db")
    old = spool.id
    with monkeypatch.context() as patch:
        patch.setattr(store, "open_spool", lambda *_, **__: (_ for _ in ()).throw(OSError("no space")))
        with pytest.raises(sqlite3.OperationalError):
            spool.part(old, 8, BOOT, 99_000)
    monkeypatch.setattr(store, "REOPEN_EVERY_S", 0.0)
    spool.part(old, 8, BOOT, 99_000)
    assert spool.id != old
    assert {reading(n) for n in (8, 10, 11, 12)} <= {row.item for row in spool.read(1, limit=99, max_bytes=10**6)}
    assert spool.last == 6
    spool.close()


def test_a_server_that_only_lacks_rows_is_no_fork() -> None:
    """Restored from a backup in the middle of the search, it has compared nothing beyond what it holds."""
    server = Record(5000, 10**9, [])
    search = ForkSearch(spool=SPOOL, differs=3001, upto=5000)
    server.held = 1000
    for number in range(60):
        if search.found is not None:
            break
        asked = search.asked = Question(first=search.next, last=search.next, sent_ms=number, digest=f"{number:064x}")
        if asked.last > server.held:
            answers = Answers(first=asked.first, sent_ms=asked.sent_ms)
            search.hear(Committed(spool=SPOOL, epoch="00000002", upto=server.held, answers=answers))
        else:
            search.hear(server.answer(asked))
    assert (search.found, search.continues) == (1001, True)


def test_only_what_was_compared_is_pruned(tmp_path: Path) -> None:
    """What a server calls stored may be another card's rows, also after this card's were compared once."""
    spool = Spool(tmp_path / "spool.db")
    spool.append(BOOT, [reading(n) for n in range(1, 13)])
    spool.confirm(4, proven=True)
    spool.confirm(10, proven=False)
    assert (spool.upto, spool.proven) == (10, False)
    assert spool.prune(keep_rows=0) == 4
    spool.confirm(10, proven=True, spool="0" * 20)
    assert spool.prune(keep_rows=0) == 0
    spool.confirm(10, proven=True)
    assert spool.prune(keep_rows=0) == 6
    spool.close()


class PowerCutError(Exception):
    """Everything ends here."""


@pytest.mark.parametrize("step", range(1, 6))
def test_a_power_cut_while_parting_leaves_the_one_spool_or_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    """Before the new database has its name the old one goes on; after it, the new one; with all rows either way."""
    spool = filled(tmp_path / "spool.db")
    old, steps = spool.id, 0
    real = quarantine.sync_folder

    def sync_folder(path: Path) -> None:
        nonlocal steps
        steps += 1
        if steps == step:
            raise PowerCutError
        real(path)

    monkeypatch.setattr(quarantine, "sync_folder", sync_folder)
    try:
        spool.part(spool.id, 8, BOOT, 99_000)
    except PowerCutError:
        pass
    monkeypatch.setattr(quarantine, "sync_folder", real)
    spool.close()
    again = Spool(tmp_path / "spool.db")
    held = [row.item for row in again.read(1, limit=100, max_bytes=10**6)]
    assert held[-1] == reading(12) if again.id == old else isinstance(codec.decode_item(held[-1]), Fork)
    assert set(held) >= {reading(n) for n in (8, 10, 11, 12)}
    assert len(quarantine.aside(tmp_path / "spool.db", mark="forked")) == (again.id != old)
    again.append(BOOT, [reading(21)])
    again.close()


def test_what_cannot_be_written_leaves_the_spool_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk while parting: the old spool goes on with every row, and it can be tried again."""
    spool = filled(tmp_path / "spool.db")
    old = spool.id
    (tmp_path / "spool.db.salvage-part").mkdir()
    with pytest.raises(Exception, match=r"unable to open|directory"):
        spool.part(spool.id, 8, BOOT, 99_000)
    assert (spool.id, spool.last) == (old, 12)
    spool.append(BOOT, [reading(13)])
    (tmp_path / "spool.db.salvage-part").rmdir()
    spool.part(spool.id, 8, BOOT, 99_000)
    assert spool.id != old
    spool.close()
