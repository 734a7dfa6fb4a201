"""One sealed run of the journal: its batch entries as columns, and back again as they were.

Held are the rows' bytes, and of each batch what cannot be derived: when it was sent and received, what its sender said
of its clock, how many rows it brought. Derived again are sequences, hashes and chain values (the rows prove them), the
JSON text of every payload byte for byte, and the journal's links wherever a stretch of batches came undeflated. What
zlib made of a longer payload is not promised. A text that would not come back the same is kept whole.

Pure: entries in, bytes out. ``digest_of`` the bytes is what the journal says of a segment.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from pawon_contract import codec
from pawon_contract.messages import ClockQuality, Envelope

from ..ingest.batches import SpoolState
from . import columns
from .entry import Entry

VERSION = b"\x01"
LINK_BYTES = 32
# A gateway commits so often and sends right after (edge, COMMIT_MS). Only a guess: where it is wrong a segment grows.
COMMIT_MS = 250


class SegmentError(Exception):
    """A segment is damaged; the text says how."""


class SpoolRange(msgspec.Struct, frozen=True, kw_only=True):
    """The rows of one spool in a segment, and the spool's chain value before and after them."""

    gateway: str
    spool: str
    first: int
    last: int
    before: str
    after: str


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """What a segment says of itself. ``batches`` and ``rows`` count what it holds."""

    first_id: int
    last_id: int
    batches: int
    rows: int
    first_ms: int
    last_ms: int
    spools: list[SpoolRange]


class _Meta(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One batch beside its rows, in numbers that a guess leaves small. The order of members is that of the columns."""

    id_step: int = 1  # from the entry before
    sent: int = 0  # beyond the guess of ``_sent_guess``
    way: int = 0  # received_ms beyond offset_ms + sent_ms
    n: int = 1  # items
    back: int = 0  # how far the payload begins below the entry's first row
    offset_ms: int = 0
    error_ms: int = 0
    gateway: str = ""
    spool: str = ""
    boot: str = ""
    clock: ClockQuality = "synced"
    sent_boot: str | None = None
    signature: str | None = None
    deflated: bool = False
    whole: bool = False  # its text stands among the whole ones, and ``way`` is received_ms


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedBatch:
    """A batch entry out of a segment. Its payload is the JSON text; ``deflated`` says that it came deflated. Its link
    is not held."""

    entry: Entry
    deflated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """An opened segment. ``links``: the journal's link after each stretch of batches that follow each other."""

    head: Head
    batches: list[SealedBatch]
    links: list[bytes]


def digest_of(content: bytes) -> str:
    """The name of a segment's bytes."""
    return hashlib.sha256(content).hexdigest()


def text_of(payload: bytes) -> bytes:
    """A batch payload's JSON text. Raises ``ValueError`` for what is no batch of ours."""
    if payload[:1] != b"\x78":
        return payload
    stream = zlib.decompressobj()
    text = stream.decompress(payload, codec.MAX_PAYLOAD_BYTES)
    if stream.unconsumed_tail or not stream.eof:
        raise ValueError("the payload is cut short or too large")
    return text


def pack_run(first_id: int, last_id: int, batches: Sequence[Entry]) -> tuple[bytes, Head]:
    """The batch entries of the run ``first_id``..``last_id`` as a segment. Raises ``ValueError`` for what is none."""
    metas, rows, whole, links = [], [], [], []
    spools: dict[tuple[str, str], SpoolRange] = {}
    last = first_id - 1
    sent = _Sendings()
    for number, entry in enumerate(batches):
        assert entry.first is not None, "a batch has rows"
        assert entry.last is not None, "a batch has rows"
        assert entry.chain_before is not None, "a batch has rows"
        assert entry.chain is not None, "a batch has rows"
        text = text_of(entry.payload)
        envelope = msgspec.json.decode(text, type=Envelope)
        step, last = entry.id - last, entry.id
        items = [bytes(item) for item in envelope.items]
        if msgspec.json.encode(envelope) == text:
            metas.append(
                _Meta(
                    id_step=step, sent=envelope.sent_ms - sent.guess(entry.gateway, items[-1]),
                    way=entry.received_ms - envelope.offset_ms - envelope.sent_ms, n=len(items),
                    back=entry.first - envelope.first, offset_ms=envelope.offset_ms, error_ms=envelope.error_ms,
                    gateway=entry.gateway, spool=envelope.spool, boot=envelope.boot, clock=envelope.clock,
                    sent_boot=envelope.sent_boot, signature=envelope.signature, deflated=text is not entry.payload,
                )
            )  # fmt: skip
            sent.sent(entry.gateway, envelope.sent_ms)
            rows += items
        else:
            deflated = text is not entry.payload
            metas.append(
                _Meta(id_step=step, way=entry.received_ms, n=0, gateway=entry.gateway, deflated=deflated, whole=True)
            )
            whole.append(text)
        key = (entry.gateway, envelope.spool)
        before = spools.get(key)
        spools[key] = SpoolRange(
            gateway=entry.gateway, spool=envelope.spool, first=before.first if before else entry.first, last=entry.last,
            before=before.before if before else entry.chain_before.hex(), after=entry.chain.hex(),
        )  # fmt: skip
        if number + 1 == len(batches) or batches[number + 1].id != entry.id + 1:
            links.append(entry.link)
    head = Head(
        first_id=first_id, last_id=last_id, batches=len(batches),
        rows=len(rows),
        first_ms=min((entry.received_ms for entry in batches), default=0),
        last_ms=max((entry.received_ms for entry in batches), default=0), spools=list(spools.values()),
    )  # fmt: skip
    parts = (
        zlib.compress(msgspec.json.encode(head), 9), b"".join(links),
        columns.pack([msgspec.json.encode(meta) for meta in metas]), columns.pack(rows), columns.pack(whole),
    )  # fmt: skip
    return VERSION + b"".join(len(part).to_bytes(4) + part for part in parts), head


def open_run(content: bytes) -> Run:
    """A segment's batches, in order, with everything derived. Raises ``SegmentError``."""
    try:
        return _open(content)
    except (columns.ColumnError, msgspec.DecodeError, zlib.error, ValueError, KeyError, StopIteration) as error:
        raise SegmentError(str(error) or type(error).__name__) from error


def _open(content: bytes) -> Run:
    head_text, link_bytes, meta_block, row_block, whole_block = _parts(content)
    head = msgspec.json.decode(zlib.decompress(head_text), type=Head)
    rows, whole = columns.unpack(row_block), columns.unpack(whole_block)
    states = {
        (one.gateway, one.spool): SpoolState(upto=one.first - 1, chain=bytes.fromhex(one.before)) for one in head.spools
    }
    batches: list[SealedBatch] = []
    number, sent = head.first_id - 1, _Sendings()
    for text in columns.unpack(meta_block):
        meta = msgspec.json.decode(text, type=_Meta)
        number += meta.id_step
        if meta.whole:
            payload = next(whole)
            envelope = msgspec.json.decode(payload, type=Envelope)
            received_ms = meta.way
            state = states[meta.gateway, envelope.spool]
        else:
            state = states[meta.gateway, meta.spool]
            items = [next(rows) for _ in range(meta.n)]
            sent_ms = meta.sent + sent.guess(meta.gateway, items[-1])
            sent.sent(meta.gateway, sent_ms)
            envelope = Envelope(
                spool=meta.spool, first=state.upto + 1 - meta.back, boot=meta.boot, offset_ms=meta.offset_ms,
                clock=meta.clock, error_ms=meta.error_ms, sent_ms=sent_ms, sent_boot=meta.sent_boot,
                items=[msgspec.Raw(item) for item in items], hash="", signature=meta.signature,
            )  # fmt: skip
            received_ms = meta.way + meta.offset_ms + sent_ms
            payload = b""
        found = codec.rows(envelope, state.chain, after=state.upto)
        if not found:
            raise ValueError(f"batch {number} has no row")
        if not payload:
            payload = msgspec.json.encode(msgspec.structs.replace(envelope, hash=found[-1].chain.hex()))
        after = SpoolState(upto=found[-1].last, chain=found[-1].chain)
        entry = Entry(
            id=number, kind="batch", received_ms=received_ms, gateway=meta.gateway, payload=payload,
            spool=envelope.spool, first=state.upto + 1, last=after.upto, chain_before=state.chain, chain=after.chain,
        )  # fmt: skip
        states[meta.gateway, envelope.spool] = after
        batches.append(SealedBatch(entry=entry, deflated=meta.deflated))
    if next(rows, None) is not None or next(whole, None) is not None or len(batches) != head.batches:
        raise ValueError("it holds more than its batches")
    for one in head.spools:
        if states[one.gateway, one.spool] != SpoolState(upto=one.last, chain=bytes.fromhex(one.after)):
            raise ValueError(f"the rows of spool {one.spool} do not lead to the chain value at {one.last}")
    links = [link_bytes[at : at + LINK_BYTES] for at in range(0, len(link_bytes), LINK_BYTES)]
    return Run(head=head, batches=batches, links=links)


def _parts(content: bytes) -> list[bytes]:
    if content[:1] != VERSION:
        raise ValueError(f"segment of version {content[:1].hex() or 'nothing'}, known is {VERSION.hex()}")
    parts, at = [], 1
    while at < len(content):
        length = int.from_bytes(content[at : at + 4])
        parts.append(content[at + 4 : at + 4 + length])
        at += 4 + length
    if at != len(content) or len(parts) != 5:
        raise ValueError("segment is cut short or too long")
    return parts


class _Sendings:
    """Guesses when a batch was sent: at the first beat, counted from the sending before, that its last row saw."""

    def __init__(self) -> None:
        self._before: dict[str, int] = {}

    def guess(self, gateway: str, item: bytes) -> int:
        found = codec.decode_item(item)
        before = self._before.get(gateway, 0)
        at_ms = before if isinstance(found, codec.Unreadable) else found.at_ms
        return before + -((before - at_ms) // COMMIT_MS) * COMMIT_MS

    def sent(self, gateway: str, sent_ms: int) -> None:
        self._before[gateway] = sent_ms
