"""Messages to bytes and back. Bad bytes are a value here (``Unreadable``), never an exception.

JSON by msgspec; a payload over 1 kB is deflated. JSON starts with ``{``, a zlib stream with 0x78, so no flag is needed.
"""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from . import chain
from .messages import Envelope, Gap, Item, Reading
from .units import QUANTITIES, implausible

DEFLATE_OVER_BYTES = 1024
# A batch is cut well below this; what is larger was not made by a gateway and could be a compression bomb.
MAX_PAYLOAD_BYTES = 1 << 20

_encoder = msgspec.json.Encoder()
_item_decoder: msgspec.json.Decoder[Item] = msgspec.json.Decoder(Item)
_items_decoder: msgspec.json.Decoder[list[Item]] = msgspec.json.Decoder(list[Item])
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """Bytes that are not the message they should be, and why."""

    reason: str
    raw: bytes


# A struct, and not known to the garbage collector: the server makes one of every row that comes in.
class Row(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One row of a batch: its own sequence, or a range when it is a ``Gap``.

    ``chain`` is the chain value after the row. An ``item`` that could not be read keeps its bytes and its number.
    """

    sequence: int
    last: int
    raw: bytes
    item: Item | Unreadable
    chain: bytes


def encode(message: msgspec.Struct) -> bytes:
    """A message as payload bytes."""
    payload = _encoder.encode(message)
    return zlib.compress(payload, 1) if len(payload) > DEFLATE_OVER_BYTES else payload


def encode_item(item: Item) -> bytes:
    """An item as the spool stores it and the chain sees it. Raises ``ValueError`` for a value that is no number."""
    if isinstance(item, Reading) and (reason := implausible(item.quantity, item.value)):
        raise ValueError(f"{item.sensor}: {reason}")
    return _encoder.encode(item)


def decode(payload: bytes, kind: type[T]) -> T | Unreadable:
    """A payload as the message it should be."""
    if len(payload) > MAX_PAYLOAD_BYTES:
        return Unreadable(reason=f"payload of {len(payload)} bytes is over {MAX_PAYLOAD_BYTES}", raw=payload)
    try:
        text = _inflate(payload) if payload[:1] == b"\x78" else payload
        return msgspec.json.decode(text, type=kind)
    except (msgspec.DecodeError, zlib.error, ValueError, RecursionError) as error:
        return Unreadable(reason=str(error)[:200] or type(error).__name__, raw=payload)


def _inflate(payload: bytes) -> bytes:
    stream = zlib.decompressobj()
    text = stream.decompress(payload, MAX_PAYLOAD_BYTES)
    if stream.unconsumed_tail or not stream.eof:
        raise ValueError(f"inflates to over {MAX_PAYLOAD_BYTES} bytes, or is cut short")
    return text


def decode_item(raw: bytes) -> Item | Unreadable:
    """One item of an envelope. Readings outside what their quantity allows are unreadable too."""
    try:
        item = _item_decoder.decode(raw)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        return Unreadable(reason=str(error)[:200], raw=raw)
    return _believed(item, raw)


def _believed(item: Item, raw: bytes) -> Item | Unreadable:
    """An item that could be read, if its values can be."""
    if not isinstance(item, Reading):
        return item
    quantity, low, high = QUANTITIES[item.quantity], item.low, item.high
    if (
        quantity.low <= item.value <= quantity.high
        and (low is None or quantity.low <= low <= quantity.high)
        and (high is None or quantity.low <= high <= quantity.high)
    ):
        return item
    reasons = [implausible(item.quantity, value) for value in (item.value, low, high) if value is not None]
    return Unreadable(reason=f"{item.sensor}: {next(filter(None, reasons))}", raw=raw)


def _items(raws: list[bytes]) -> list[Item | Unreadable]:
    """Many items at once; one by one only when there is a bad one among them."""
    try:
        items = _items_decoder.decode(b"[" + b",".join(raws) + b"]")
    except (msgspec.DecodeError, ValueError, RecursionError):
        items = []
    if len(items) != len(raws):
        return [decode_item(raw) for raw in raws]
    return [_believed(item, raw) for item, raw in zip(items, raws, strict=True)]


def rows(envelope: Envelope, previous: bytes, *, after: int | None = None) -> list[Row]:
    """The rows of a batch above ``after`` (all of them by default) with their chain values.

    ``previous`` is the chain value at ``after``. A ``Gap`` that reaches from below ``after`` beyond it is cut to what
    lies above: its chain value is that of its end either way.
    """
    after = envelope.first - 1 if after is None else after
    sequence, boot, out = envelope.first, envelope.boot, []
    raws = [bytes(element) for element in envelope.items]
    for raw, item in zip(raws, _items(raws), strict=True):
        last = sequence
        if isinstance(item, Gap):
            if item.from_ != sequence or item.to < sequence:
                item = Unreadable(reason=f"gap {item.from_}..{item.to} stands at {sequence}", raw=raw)
            else:
                last = item.to
        if last > after:
            previous = bytes.fromhex(item.chain) if isinstance(item, Gap) else chain.link(previous, sequence, boot, raw)
            out.append(Row(sequence=max(sequence, after + 1), last=last, raw=raw, item=item, chain=previous))
        sequence = last + 1
    return out


def digest(payload: bytes) -> str:
    """The name by which a refused payload is spoken of."""
    return hashlib.sha256(payload).hexdigest()
