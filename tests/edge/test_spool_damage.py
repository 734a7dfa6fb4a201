"""What becomes of a damaged spool, case by case; ``tests/torture/damage.py`` does it at random."""

from __future__ import annotations

import shutil
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.torture.disk import FULL, IOERR_FSYNC, OK, Disk

from pawon_contract import codec
from pawon_contract.messages import Gap, Weighing
from pawon_edge.spool import Spool, SpooledRow, quarantine, store
from pawon_edge.spool.salvage import JUMP

BOOT = "3b3fa94b-cab1-4b42-8e06-9e3512dfe0a6"


def weighing(number: int, after_g: int) -> bytes:
    """A row, told apart by its time."""
    kind = Weighing(at_ms=number, sensor="timbangan-1", kind="in", before_g=0, after_g=after_g, start_ms=1, end_ms=2)
    return codec.encode_item(kind)


def made(path: Path, count: int = 60) -> str:
    """A closed spool of so many rows; its name."""
    spool = Spool(path)
    spool.append(BOOT, [weighing(n, n) for n in range(1, count + 1)], scales={"timbangan-1": count})
    spool.close()
    return spool.id


def rows(spool: Spool) -> list[SpooledRow]:
    """All of them."""
    out: list[SpooledRow] = []
    while part := spool.read(out[-1].last + 1 if out else 1, limit=500, max_bytes=100_000):
        out += part
    return out


def gaps(spool: Spool) -> list[tuple[int, int]]:
    """Their borders."""
    items = [codec.decode_item(row.item) for row in rows(spool)]
    return [(item.from_, item.to) for item in items if isinstance(item, Gap)]


def overwrite(path: Path, found: bytes, put: bytes) -> None:
    """Change the one place in the file where these bytes stand."""
    content = path.read_bytes()
    assert content.count(found) == 1
    path.write_bytes(content.replace(found, put))


def test_one_damaged_row_costs_that_row_alone(tmp_path: Path) -> None:
    """Its neighbours keep their numbers and bytes, its own place holds a gap with its chain value, the numbers jump at
    the end, the file is kept as it was found, and the status names it."""
    path = tmp_path / "spool.db"
    name = made(path)
    overwrite(path, weighing(30, 30), weighing(30, 31))
    found = path.read_bytes()
    spool = Spool(path)
    assert spool.id == name
    assert gaps(spool) == [(30, 30), (61, 60 + JUMP)]
    kept = {row.sequence: row.item for row in rows(spool)}
    assert all(kept[n] == weighing(n, n) for n in range(1, 61) if n != 30)
    assert spool.scale_values() == {"timbangan-1": 60}
    (aside,) = quarantine.aside(path)
    assert aside.read_bytes() == found
    assert "1 damaged spool file(s) kept" in spool.trouble
    assert spool.append(BOOT, [weighing(1, 1)]) == 61 + JUMP
    spool.close()
    Spool(path).close()
    assert len(quarantine.aside(path)) == 1


def test_a_damaged_chain_value_costs_nothing(tmp_path: Path) -> None:
    """The row's own bytes and the row behind it prove the value that should stand there."""
    path = tmp_path / "spool.db"
    made(path)
    spool = Spool(path)
    value = rows(spool)[29].chain
    spool.close()
    overwrite(path, value, bytes(32))
    spool = Spool(path)
    assert gaps(spool) == [(61, 60 + JUMP)]
    assert rows(spool)[29].chain == value
    spool.close()


def test_the_spools_name_is_known_when_the_database_has_lost_it(tmp_path: Path) -> None:
    """The rows go on under their old name, told beside the database: under another one they would be doubled."""
    path = tmp_path / "spool.db"
    name = made(path)
    overwrite(path, name.encode(), b"0" + name.encode()[1:] if name[0] != "0" else b"1" + name.encode()[1:])
    spool = Spool(path)
    assert (spool.id, len(rows(spool))) == (name, 61)
    spool.close()


def test_a_spool_of_which_nothing_is_left_begins_anew_under_another_name(tmp_path: Path) -> None:
    """Numbers of the old one may be known to the server, so none of them is used again."""
    path = tmp_path / "spool.db"
    name = made(path)
    path.write_bytes(b"")
    spool = Spool(path)
    assert (spool.id != name, spool.last) == (True, 0)
    spool.close()


def test_another_spool_put_in_place_by_a_person_is_taken_as_it_is(tmp_path: Path) -> None:
    """A restored file beside the identity of another one is no damage."""
    made(tmp_path / "spool.db")
    name = made(tmp_path / "other" / "spool.db", 7)
    shutil.copy(tmp_path / "other" / "spool.db", tmp_path / "spool.db")
    spool = Spool(tmp_path / "spool.db")
    assert (spool.id, spool.last, quarantine.aside(spool.path)) == (name, 7, [])
    spool.close()


def test_damaged_files_are_kept_but_not_without_end(tmp_path: Path) -> None:
    """A dying card makes many: the newest few are kept."""
    path = tmp_path / "spool.db"
    for n in range(1, 7):
        path.write_bytes(b"%d" % n * 5000)
        quarantine.put_aside(path, datetime(2026, 1, n, tzinfo=UTC))
    assert [file.read_bytes()[:1] for file in quarantine.aside(path)] == [b"4", b"5", b"6"]


@pytest.mark.parametrize("step", ["part", "salvaged", "moved"])
def test_a_mending_that_was_cut_short_is_gone_on_with(tmp_path: Path, step: str) -> None:
    """Power lost while the new database is written, before the old one moved, or between the two moves: the next start
    has every row that the first would have had."""
    path = tmp_path / "spool.db"
    name = made(path)
    mended = tmp_path / "mended" / "spool.db"
    mended.parent.mkdir()
    for file in tmp_path.glob("spool.db*"):
        shutil.copy(file, mended.parent / file.name)
    overwrite(mended, weighing(30, 30), weighing(30, 31))
    Spool(mended).close()
    overwrite(path, weighing(30, 30), weighing(30, 31))
    if step == "part":
        Path(f"{path}.salvage-part").write_bytes(mended.read_bytes()[:9_000])
    else:
        shutil.copy(mended, f"{path}.salvaged")
    if step == "moved":
        quarantine.put_aside(path, datetime(2026, 1, 1, tzinfo=UTC))
    spool = Spool(path)
    assert (spool.id, gaps(spool)) == (name, [(30, 30), (61, 60 + JUMP)])
    assert len(quarantine.aside(path)) == 1
    spool.close()


@pytest.mark.parametrize("room", [True, False])
def test_a_disk_too_full_for_mending_gives_up_old_evidence_first(tmp_path: Path, room: bool) -> None:
    """Older damaged files make room for rows that may still be sent; when that is not enough the gateway starts all the
    same, with an empty spool, and the file that could not be taken over is kept."""
    path = tmp_path / "spool.db"
    name = made(path)
    overwrite(path, weighing(30, 30), weighing(30, 31))
    old = Path(f"{path}.damaged-20250101T000000Z")
    old.write_bytes(b"old evidence")
    disk = Disk(1)
    disk.fault = lambda kind, file: FULL if "part" in file and kind == "write" and (old.exists() or not room) else OK
    with disk.installed():
        spool = Spool(path)
        assert (spool.id == name) is room
        assert spool.append(BOOT, [weighing(1, 1)]) == (61 + JUMP if room else 1)
        assert not old.exists()
        assert len(quarantine.aside(path)) == 1
        spool.close()


def test_a_failed_sync_makes_the_connection_suspect_and_the_file_is_looked_at_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second sync may succeed without having written what the first could not: so the database is opened anew, and
    the rows, still in memory, are accepted by it, once."""
    monkeypatch.setattr(store, "REOPEN_EVERY_S", 0.0)
    disk = Disk(1)
    with disk.installed():
        spool = Spool(tmp_path / "spool.db")
        spool.append(BOOT, [weighing(1, 1)])
        disk.fault = lambda kind, _path: IOERR_FSYNC if kind == "sync" else OK
        before = spool._db
        with pytest.raises(sqlite3.OperationalError):
            spool.append(BOOT, [weighing(2, 2)])
        disk.fault = lambda _kind, _path: OK
        assert "opened anew" in spool.trouble
        last = spool.append(BOOT, [weighing(2, 2)])
        assert spool._db is not before
        assert [row.item for row in rows(spool)] == [weighing(1, 1), weighing(2, 2)]
        assert last == 2
        assert spool.append(BOOT, [weighing(2, 2)]) == 3  # only the rows that had landed are recognised
        assert spool.trouble == ""
        spool.close()
