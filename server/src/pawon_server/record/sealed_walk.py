"""One sealed run, walked: is the segment what the journal says of it, and do its rows and links lead where they did?

A segment's bytes have a digest, and the ``sealed`` entry that gives it is itself chained. Beyond that the batches are
taken like any others, so every spool's chain is computed through them from the rows; and the journal's links are
computed again wherever the batches since the last entry that is not sealed came undeflated (what zlib made of a longer
payload need not come out the same again).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from heapq import merge
from typing import Any, Protocol

import msgspec
from sqlalchemy import Connection, Row, text

from ..store.journal import Entry, Sealed, next_link, raw_entries
from ..store.segments import Run, SealedBatch, SegmentError, digest_of, open_run, text_of
from .findings import FROM_BACKUP, Bad, Finding, bad, missing, short

AT_ONCE = 500
_COLUMNS = ("first_id", "last_id", "batches", "rows", "first_ms", "last_ms")
_SEGMENT = text(
    f"SELECT {', '.join(_COLUMNS)}, digest, journal_id, content FROM segment "  # noqa: S608 - our own names
    "WHERE kitchen = :kitchen AND first_id <= :number ORDER BY first_id DESC LIMIT 1"
)
_SEALED = text("SELECT payload FROM journal WHERE kitchen = :kitchen AND id = :number AND kind = 'sealed'")
_SPOOLS = text(
    "SELECT gateway, spool, first, last, chain FROM segment_spool WHERE kitchen = :kitchen AND first_id = :number "
    "ORDER BY gateway, spool"
)


class Walk(Protocol):
    """Where the walk stands, and how it takes an entry. Both raise ``Bad``."""

    last_id: int
    link: bytes

    def take(self, entry: Entry) -> None:
        """An entry of the journal's own table."""
        ...

    def take_batch(self, entry: Entry) -> None:
        """The rows of a batch, which continue their spool."""
        ...

    def compare_known(self, first_id: int, links: dict[int, bytes]) -> None:
        """Look for the head that was noted among the entries since ``first_id``, whose links are ``links``."""
        ...


def segment_at(connection: Connection, kitchen: str, number: int) -> Row[Any] | None:
    """The segment that holds entry ``number``, as the file has it."""
    row = connection.execute(_SEGMENT, {"kitchen": kitchen, "number": number}).first()
    return None if row is None or not isinstance(row.last_id, int) or row.last_id < number else row


def walk_segment(walk: Walk, connection: Connection, kitchen: str, row: Row[Any]) -> Sealed:
    """Take the run of the segment ``row``; what the journal says of it. Raises ``Bad``."""
    sealed, run = _opened(walk, connection, kitchen, row)
    mine: Iterable[SealedBatch | Entry] = run.batches
    entries = merge(mine, _others(connection, kitchen, row), key=lambda one: _entry(one).id)
    left, links = _left_over(connection, kitchen, row), iter(run.links)
    ends = {one.entry.id for one, after in zip(run.batches, [*run.batches[1:], None], strict=True)
            if after is None or after.entry.id != one.entry.id + 1}  # fmt: skip
    derived: dict[int, bytes] = {}
    link, since, plain = walk.link, row.first_id, True
    for one in entries:
        if isinstance(one, Entry):
            walk.take(one)
            link, since = walk.link, one.id + 1
            continue
        entry = one.entry
        if entry.id != walk.last_id + 1:
            raise Bad(missing(walk.last_id + 1, f"entry {entry.id}"))
        walk.take_batch(entry)
        if entry.id in left:
            _compare(one, left[entry.id])
        payload = zlib.compress(entry.payload, 1) if one.deflated else entry.payload
        link = derived[entry.id] = next_link(link, entry.id, entry.kind, entry.received_ms, entry.gateway, payload)
        plain, walk.last_id = plain and not one.deflated, entry.id
        if entry.id in ends:
            end = next(links, b"")
            if plain and link != end:
                raise _amiss(row, f"the batches {since}..{entry.id} do not lead to the link after them", end.hex(),
                             link.hex())  # fmt: skip
            walk.compare_known(since, derived if link == end else {})
            walk.link = link = end
            plain, derived = True, {}
    if walk.last_id != row.last_id:
        raise Bad(missing(walk.last_id + 1, "nothing"))
    if walk.link.hex() != sealed.link_after:
        raise _amiss(row, "its entries do not lead to the link after it", sealed.link_after, walk.link.hex())
    return sealed


def _opened(walk: Walk, connection: Connection, kitchen: str, row: Row[Any]) -> tuple[Sealed, Run]:
    """The segment, its bytes proven against the journal's word, the columns beside it against its own."""
    for name in (*_COLUMNS, "journal_id"):
        if not isinstance(getattr(row, name), int):
            raise _amiss(row, f"{name} is of another type", "int", short(getattr(row, name)))
    if row.first_id != walk.last_id + 1:
        raise _amiss(row, "it does not begin where the one before it ended", str(walk.last_id + 1), str(row.first_id))
    payload = connection.execute(_SEALED, {"kitchen": kitchen, "number": row.journal_id}).scalar()
    try:
        sealed = msgspec.json.decode(payload if isinstance(payload, bytes) else b"", type=Sealed)
    except msgspec.DecodeError:
        raise _amiss(row, "the entry that sealed it is not there", f"entry {row.journal_id}", "nothing") from None
    content = row.content if isinstance(row.content, bytes) else b""
    for what, expected, found in (
        ("its bytes were changed: their digest", sealed.digest, digest_of(content)),
        ("the digest beside it", sealed.digest, row.digest),
        ("the link before it", sealed.link_before, walk.link.hex()),
        ("its end", str(sealed.last_id), str(row.last_id)),
    ):
        if expected != found:
            raise _amiss(row, f"{what} is not what the journal says", expected, short(found))
    try:
        run = open_run(content)
    except SegmentError as error:
        raise _amiss(row, "it cannot be read", "a segment", str(error)) from error
    own = [getattr(run.head, name) for name in _COLUMNS]
    if own != (beside := [getattr(row, name) for name in _COLUMNS]):
        raise _amiss(row, "the columns beside it are not its own", str(own), str(beside))
    spools = sorted((one.gateway, one.spool, one.first, one.last, bytes.fromhex(one.after)) for one in run.head.spools)
    told = [tuple(one) for one in connection.execute(_SPOOLS, {"kitchen": kitchen, "number": row.first_id})]
    if spools != told:
        raise _amiss(row, "segment_spool does not say which rows it holds", str(spools)[:200], str(told)[:200])
    return sealed, run


def _entry(one: Entry | SealedBatch) -> Entry:
    return one if isinstance(one, Entry) else one.entry


def _others(connection: Connection, kitchen: str, row: Row[Any]) -> Iterator[Entry]:
    """The run's entries that are no batches."""
    after = row.first_id - 1
    while portion := raw_entries(
        connection, kitchen, after=after, upto=row.last_id, limit=AT_ONCE, batches=False
    ):  # fmt: skip
        yield from portion
        after = portion[-1].id


def _left_over(connection: Connection, kitchen: str, row: Row[Any]) -> dict[int, Entry]:
    """Batches of the run that still stand in the journal's table: sealing is under way, or was interrupted."""
    left: dict[int, Entry] = {}
    after = row.first_id - 1
    while portion := raw_entries(connection, kitchen, after=after, upto=row.last_id, limit=AT_ONCE, batches=True):
        left.update({entry.id: entry for entry in portion})
        after = portion[-1].id
    return left


def _compare(sealed: SealedBatch, left: Entry) -> None:
    for name in ("received_ms", "gateway", "spool", "first", "last", "chain_before", "chain"):
        if getattr(left, name) != (was := getattr(sealed.entry, name)):
            raise bad(left, f"{name} is not what was sealed", short(was), short(getattr(left, name)))
    try:
        same = text_of(left.payload) == sealed.entry.payload
    except (ValueError, TypeError, zlib.error):
        same = False
    if not same:
        raise bad(left, "the payload is not what was sealed", short(sealed.entry.payload), short(left.payload))


def _amiss(row: Row[Any], what: str, expected: str, found: str) -> Bad:
    return Bad(
        Finding(
            journal_id=row.first_id, what=f"the segment of the entries {row.first_id}..{short(row.last_id)}: {what}",
            expected=expected, found=found, remedy=FROM_BACKUP,
        )
    )  # fmt: skip
