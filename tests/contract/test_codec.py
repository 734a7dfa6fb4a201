"""The wire: what is frozen between gateway and server."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pawon_contract import chain, codec
from pawon_contract.messages import (
    ClockFix,
    Committed,
    Contact,
    Envelope,
    Gap,
    Item,
    Live,
    LiveValue,
    Reading,
    SensorFault,
    Weighing,
)
from pawon_contract.topics import LEAVES, parse_topic, topic

SPOOL = "00112233445566778899"
BOOT = "3b3fa94b-cab1-4b42-8e06-9e3512dfe0a6"

ITEMS: list[Item] = [
    Reading(at_ms=1000, sensor="chiller-1", quantity="temperature_c", value=0.0, count=60, low=-0.1, high=0.1),
    Reading(at_ms=1001, sensor="gudang", quantity="humidity_percent", value=65.5, every_s=30),
    Reading(at_ms=1002, sensor="timbangan-1", quantity="mass_g", value=0.0),
    Contact(at_ms=1003, sensor="pintu-1", contact="door", active=True),
    Contact(at_ms=1003, sensor="listrik", contact="power", active=False),
    Weighing(
        at_ms=2000, sensor="timbangan-1", kind="out", before_g=48500, after_g=43500, start_ms=1500, end_ms=2000,
        stable_s=3.0, noise_g=4.5, confidence=0.9, division_g=20, trace=[(0, 48500.0), (100, 45000.5)],
    ),
    SensorFault(at_ms=2001, sensor="chiller-2", fault="disconnected", detail="no such probe", raw="ff00"),
    ClockFix(at_ms=2002, boot=BOOT, offset_ms=1_700_000_000_000, error_ms=20, source="server"),
]  # fmt: skip


def batch(raws: list[bytes], first: int = 1, previous: bytes | None = None) -> Envelope:
    """An envelope as a gateway makes it."""
    value = previous if previous is not None else chain.genesis(SPOOL)
    for number, raw in enumerate(raws, first):
        value = chain.link(value, number, BOOT, raw)
    return Envelope(
        spool=SPOOL, first=first, boot=BOOT, offset_ms=0, clock="guess", sent_ms=5,
        items=[msgspec.Raw(raw) for raw in raws], hash=value.hex(),
    )  # fmt: skip


@pytest.mark.parametrize("item", ITEMS, ids=lambda item: type(item).__name__)
def test_an_item_comes_back_as_it_went(item: Item) -> None:
    """Every kind of row survives the wire unchanged; zero stays zero."""
    assert codec.decode_item(codec.encode_item(item)) == item


def test_the_envelope_keeps_the_items_bytes_exactly() -> None:
    """The chain runs over an item's own bytes, so decoding may not touch them, deflated or not."""
    raws = [codec.encode_item(item) for item in ITEMS] * 5
    payload = codec.encode(batch(raws))
    assert payload[:1] == b"\x78"
    decoded = codec.decode(payload, Envelope)
    assert isinstance(decoded, Envelope)
    assert [bytes(item) for item in decoded.items] == raws
    assert codec.rows(decoded, chain.genesis(SPOOL))[-1].chain.hex() == decoded.hash


@pytest.mark.parametrize(
    ("raw", "named"),
    [
        (b'{"k":"reading","at_ms":1,"sensor":"a","quantity":"temperature_c","value":null}', "value"),
        (b'{"k":"reading","at_ms":1,"sensor":"a","quantity":"temperature_c","value":NaN}', "malformed"),
        (b'{"k":"reading","at_ms":1,"sensor":"a","quantity":"temperature_c","value":900}', "outside"),
        (b'{"k":"reading","at_ms":1,"sensor":"a","quantity":"furlongs","value":1}', "quantity"),
        (b'{"k":"reading","at_ms":1,"sensor":"A B","quantity":"mass_g","value":1}', "sensor"),
        (b'{"k":"reading","at_ms":1,"sensor":"a","quantity":"mass_g","value":1,"extra":1}', "extra"),
        (b'{"k":"from-the-future","at_ms":1}', "from-the-future"),
        (b'"text"', "object"),
        (b"[" * 5000 + b"]" * 5000, ""),
    ],
)
def test_a_bad_item_is_a_value_with_its_bytes_and_the_place(raw: bytes, named: str) -> None:
    """What cannot be read is kept and named, and nothing is raised."""
    item = codec.decode_item(raw)
    assert isinstance(item, codec.Unreadable)
    assert item.raw == raw
    assert named in item.reason


def test_one_bad_row_keeps_its_number_and_the_rest_is_read() -> None:
    """An unknown item takes its sequence; its neighbours and the chain do not notice."""
    raws = [codec.encode_item(ITEMS[0]), b'{"k":"later"}', codec.encode_item(ITEMS[2])]
    envelope = codec.decode(codec.encode(batch(raws, first=7, previous=b"\0" * 32)), Envelope)
    assert isinstance(envelope, Envelope)
    rows = codec.rows(envelope, b"\0" * 32)
    assert [row.sequence for row in rows] == [7, 8, 9]
    assert isinstance(rows[1].item, codec.Unreadable)
    assert rows[2].item == ITEMS[2]
    assert rows[-1].chain.hex() == envelope.hash


@given(st.lists(st.sampled_from(ITEMS), min_size=1, max_size=30), st.data())
def test_the_chain_does_not_know_batches(items: list[Item], data: st.DataObject) -> None:
    """The same rows verify in any batch size."""
    raws = [codec.encode_item(item) for item in items]
    whole = codec.rows(batch(raws), chain.genesis(SPOOL))[-1].chain
    cut = data.draw(st.integers(min_value=0, max_value=len(raws)))
    value = chain.genesis(SPOOL)
    for first, part in ((1, raws[:cut]), (cut + 1, raws[cut:])):
        if part:
            value = codec.rows(batch(part, first, value), value)[-1].chain
    assert value == whole


def test_a_gap_stands_for_its_range_and_carries_the_chain() -> None:
    """After thinning, the rows behind the gap verify as if nothing had been dropped."""
    raws = [codec.encode_item(item) for item in ITEMS[:5]]
    full = codec.rows(batch(raws), chain.genesis(SPOOL))
    gap = Gap(at_ms=1, from_=2, to=4, reason="thinned", chain=full[3].chain.hex())
    thinned = batch([raws[0], codec.encode_item(gap), raws[4]])
    rows = codec.rows(thinned, chain.genesis(SPOOL))
    assert [(row.sequence, row.last) for row in rows] == [(1, 1), (2, 4), (5, 5)]
    assert rows[-1].chain == full[-1].chain


@given(st.integers(min_value=0, max_value=7), st.integers(min_value=0, max_value=400), st.integers(0, 7))
def test_a_flipped_bit_breaks_the_chain(which: int, place: int, bit: int) -> None:
    """No row can be altered without the last hash noticing."""
    raws = [codec.encode_item(item) for item in ITEMS]
    spoiled = bytearray(raws[which])
    spoiled[place % len(spoiled)] ^= 1 << bit
    good = batch(raws)
    value = chain.genesis(SPOOL)
    for number, raw in enumerate([*raws[:which], bytes(spoiled), *raws[which + 1 :]], 1):
        value = chain.link(value, number, BOOT, raw)
    assert value.hex() != good.hash


@given(st.binary(max_size=300))
def test_garbage_never_raises(payload: bytes) -> None:
    """Any bytes on any leaf are a value, never an exception."""
    for kind in (Envelope, Live, Committed):
        assert isinstance(codec.decode(payload, kind), codec.Unreadable)


def test_a_compression_bomb_is_refused() -> None:
    """A few bytes that inflate without end cost a bounded amount of memory."""
    import zlib

    bomb = zlib.compress(b"[" + b" " * (20 << 20) + b"]")
    answer = codec.decode(bomb, Envelope)
    assert isinstance(answer, codec.Unreadable)
    assert "inflates" in answer.reason


def test_no_value_that_is_not_a_number_leaves_the_gateway() -> None:
    """NaN would travel as null and be refused only at the far end."""
    with pytest.raises(ValueError, match="nan"):
        codec.encode_item(Reading(at_ms=1, sensor="a", quantity="mass_g", value=float("nan")))


def test_the_wire_is_plain_json() -> None:
    """Anyone with a JSON reader can check the record; the signature's place is reserved."""
    text = json.loads(codec.encode(batch([codec.encode_item(ITEMS[0])])))
    assert text["items"][0] == {
        "k": "reading", "at_ms": 1000, "sensor": "chiller-1", "quantity": "temperature_c",
        "value": 0.0, "count": 60, "low": -0.1, "high": 0.1,
    }  # fmt: skip
    assert "signature" in Envelope.__struct_fields__
    live = Live(boot=BOOT, sent_ms=1, values=[LiveValue(sensor="a", quantity="mass_g", at_ms=1, value=0.0)])
    assert json.loads(codec.encode(live))["values"][0]["value"] == 0.0


@pytest.mark.parametrize("leaf", LEAVES)
def test_topics_come_back_as_addresses(leaf: str) -> None:
    """A topic names kitchen, gateway and leaf; anything else is nobody's."""
    address = parse_topic(topic("dapur-1", "gw-1", leaf))  # type: ignore[arg-type]  # parametrised over the literal
    assert address is not None
    assert (address.kitchen, address.gateway, address.leaf) == ("dapur-1", "gw-1", leaf)
    for wrong in (f"pawon/v1/a/{leaf}", f"pawon/v2/a/b/{leaf}", f"pawon/v1/A/b/{leaf}", "pawon/v1/a/b/other"):
        assert parse_topic(wrong) is None
