"""Rows out of the bytes of a damaged database and its log, page by page, without SQLite and without its tree.

Pure: bytes in, candidates out. A candidate is anything that has the shape of a row; stale copies of a row (free pages,
older frames of the log) are candidates too. Nothing here is believed: ``salvage`` asks the chain.
Format: https://www.sqlite.org/fileformat2.html, sections 1.6 (b-tree pages), 2.1 (records) and 4 (the log).
"""

from __future__ import annotations

import contextlib
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field

from pawon_contract.chain import CHAIN_BYTES

# The spool is made with SQLite's default page; a damaged header is not asked.
PAGE_BYTES = 4096
FRAME_HEADER_BYTES = 24
WAL_HEADER_BYTES = 32
_TABLE_LEAF, _INDEX_LEAF = 0x0D, 0x0A
# A row fits a few pages; a ring of damaged page numbers ends here.
MAX_OVERFLOW_PAGES = 64

Value = int | str | bytes | None


@dataclass(frozen=True, slots=True)
class Candidate:
    """What looks like a row."""

    sequence: int
    last: int
    boot: str
    item: bytes
    chain: bytes


@dataclass(slots=True)
class Carved:
    """Everything of a spool's shape. Where one name has several values the newest that was found stands."""

    rows: dict[int, list[Candidate]] = field(default_factory=dict)
    facts: dict[str, str] = field(default_factory=dict)
    scales: dict[str, int] = field(default_factory=dict)
    boots: dict[str, tuple[int, str, int, int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Frame:
    """One page in the log. ``commit``: it ends a transaction. ``before``: the checksum its own goes on from."""

    page: int
    commit: bool
    salt: bytes
    content: bytes
    head: bytes
    before: bytes

    def whole(self) -> bool:
        """Whether its checksum follows from the one before it: head and page are of one writing, and not damaged."""
        words = array("I", self.head[:8] + self.content)
        one, two = (int.from_bytes(part, "big") for part in (self.before[:4], self.before[4:]))
        for n in range(0, len(words), 2):
            one = (one + words[n] + two) & 0xFFFFFFFF
            two = (two + words[n + 1] + one) & 0xFFFFFFFF
        return one.to_bytes(4, "big") + two.to_bytes(4, "big") == self.head[16:24]


class Log:
    """A log's bytes, and its whole frames, whatever their checksums say. ``salt``: that of its newest frames."""

    def __init__(self, content: bytes) -> None:
        self.content, self.salt = content, content[16:24]
        self.frames = _frames(content)


def _frames(wal: bytes) -> list[Frame]:
    out = []
    size = FRAME_HEADER_BYTES + PAGE_BYTES
    for start in range(WAL_HEADER_BYTES, len(wal) - size + 1, size):
        head = wal[start : start + FRAME_HEADER_BYTES]
        out.append(
            Frame(
                page=int.from_bytes(head[:4], "big"),
                commit=any(head[4:8]),
                salt=head[8:16],
                content=wal[start + FRAME_HEADER_BYTES : start + size],
                head=head,
                before=wal[start - size + 16 : start - size + 24] if start >= size else wal[24:32],
            )
        )
    return out


def carve(database: bytes, log: list[Frame], salt: bytes = b"") -> Carved:
    """All candidates of a database file and its log; ``salt`` is the log's present one, whose frames are the newest."""
    stale = [frame for frame in log if frame.salt != salt]
    fresh = [frame for frame in log if frame.salt == salt]
    stored = [(n // PAGE_BYTES + 1, database[n : n + PAGE_BYTES]) for n in range(0, len(database), PAGE_BYTES)]
    ordered = [
        *((frame.page, frame.content) for frame in stale), *stored, *((frame.page, frame.content) for frame in fresh)
    ]  # fmt: skip
    newest = dict(ordered)
    carved = Carved()
    for number, page in ordered:
        for rowid, values in _records(page, 100 if number == 1 and page[:6] == b"SQLite" else 0, newest):
            _take(carved, rowid, values)
    return carved


def _take(carved: Carved, rowid: int | None, values: list[Value]) -> None:
    match values:
        case [None, int(last), str(boot), bytes(item), bytes(chain)] if rowid is not None and len(chain) == CHAIN_BYTES:
            row = Candidate(rowid, last, boot, item, chain)
            if row not in (known := carved.rows.setdefault(rowid, [])):
                known.append(row)
        case [str(name), str(value)] if rowid is None:
            carved.facts[name] = value
        case [str(sensor), int(stable_g)] if rowid is not None:
            carved.scales[sensor] = stable_g
        case [str(boot), int(offset_ms), str(clock), int(error_ms), int(fixed)]:
            carved.boots[boot] = (offset_ms, clock, error_ms, fixed)
        case _:
            pass


def _records(page: bytes, head: int, pages: dict[int, bytes]) -> Iterator[tuple[int | None, list[Value]]]:
    """The records of a leaf page that can be read, each with its rowid (none in an index)."""
    if len(page) < head + 8 or page[head] not in (_TABLE_LEAF, _INDEX_LEAF):
        return
    table = page[head] == _TABLE_LEAF
    count = int.from_bytes(page[head + 3 : head + 5], "big")
    for n in range(min(count, PAGE_BYTES // 4)):
        place = head + 8 + 2 * n
        at = int.from_bytes(page[place : place + 2], "big")
        with contextlib.suppress(IndexError, ValueError, UnicodeDecodeError):
            size, at = _varint(page, at)
            rowid = None
            if table:
                rowid, at = _varint(page, at)
            yield rowid, _values(_payload(page, at, size, pages, table=table))


def _payload(page: bytes, at: int, size: int, pages: dict[int, bytes], *, table: bool) -> bytes:
    longest = PAGE_BYTES - 35 if table else (PAGE_BYTES - 12) * 64 // 255 - 23
    if size <= longest:
        return page[at : at + size]
    least = (PAGE_BYTES - 12) * 32 // 255 - 23
    local = least + (size - least) % (PAGE_BYTES - 4)
    local = local if local <= longest else least
    payload, follow = page[at : at + local], int.from_bytes(page[at + local : at + local + 4], "big")
    for _ in range(MAX_OVERFLOW_PAGES):
        if len(payload) >= size or follow not in pages:
            break
        payload += pages[follow][4:]
        follow = int.from_bytes(pages[follow][:4], "big")
    return payload[:size]


def _values(record: bytes) -> list[Value]:
    head, at = _varint(record, 0)
    kinds = []
    while at < head:
        kind, at = _varint(record, at)
        kinds.append(kind)
    values: list[Value] = []
    for kind in kinds:
        width = (0, 1, 2, 3, 4, 6, 8, 8, 0, 0)[kind] if kind < 10 else (kind - 12) // 2
        part = record[at : at + width]
        if len(part) != width or kind in (7, 10, 11):
            raise ValueError("no record of the spool's")
        at += width
        if kind >= 12:
            values.append(part if kind % 2 == 0 else part.decode())
        elif kind in (8, 9):
            values.append(kind - 8)
        else:
            values.append(int.from_bytes(part, "big", signed=True) if kind else None)
    return values


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for n in range(8):
        value = value << 7 | data[at + n] & 0x7F
        if data[at + n] < 0x80:
            return value, at + n + 1
    return value << 8 | data[at + 8], at + 9
