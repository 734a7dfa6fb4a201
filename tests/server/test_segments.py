"""A run of batches as a segment and back: every text, number and time as it was, whatever a gateway sent."""

from __future__ import annotations

import random
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.server.kitchen_day import day
from tests.server.sender import Sender, temperature

from pawon_contract import codec
from pawon_contract.messages import Envelope, Gap, SensorFault
from pawon_server.ingest.batches import Continuation, SpoolState, beginning, judge
from pawon_server.store.entry import Entry
from pawon_server.store.segments import SegmentError, open_run, pack_run, text_of

NAMES = ("id", "received_ms", "gateway", "spool", "first", "last", "chain_before", "chain")


def entries(payloads: list[tuple[bytes, int]]) -> list[Entry]:
    """Batch entries as the server makes them of payloads and their times; what continues nothing is left out."""
    out: list[Entry] = []
    states: dict[str, SpoolState] = {}
    for number, (payload, received_ms) in enumerate(payloads, 1):
        envelope = codec.decode(payload, Envelope)
        assert isinstance(envelope, Envelope)
        before = states.get(envelope.spool, beginning(envelope.spool))
        verdict = judge(envelope, before)
        if isinstance(verdict, Continuation):
            states[envelope.spool] = verdict.state
            out.append(
                Entry(
                    id=number, kind="batch", received_ms=received_ms, gateway="gw-1", payload=payload,
                    spool=envelope.spool, first=before.upto + 1, last=verdict.state.upto, chain_before=before.chain,
                    chain=verdict.state.chain, link=number.to_bytes(32),
                )
            )  # fmt: skip
    return out


def assert_same(batches: list[Entry]) -> bytes:
    """They come back; the segment."""
    content, head = pack_run(1, batches[-1].id, batches)
    run = open_run(content)
    assert run.head == head
    assert len(run.batches) == len(batches)
    for sealed, was in zip(run.batches, batches, strict=True):
        assert sealed.entry.payload == text_of(was.payload)
        assert sealed.deflated == (was.payload[:1] == b"x")
        assert [getattr(sealed.entry, name) for name in NAMES] == [getattr(was, name) for name in NAMES]
    ends = [
        one for one, after in zip(batches, [*batches[1:], None], strict=True) if not after or after.id != one.id + 1
    ]
    assert run.links == [one.link for one in ends]
    return content


@pytest.mark.parametrize(("rows_a_batch", "most"), [(None, 3.8), (100, 2.8)])
def test_a_kitchens_hours_take_little_and_come_back(rows_a_batch: int | None, most: float) -> None:
    """Batches of mostly one row, and those of a backlog: a hundredth of their JSON, all included. A whole day packs
    better: scripts/bench seal."""
    sent = list(day(3, rows_a_batch=rows_a_batch))
    content = assert_same(entries([(one.payload, one.received_ms) for one in sent]))
    assert len(content) <= most * sum(one.rows for one in sent)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32))
def test_whatever_a_gateway_sent_comes_back(seed: int) -> None:
    """Rows that cannot be read, gaps, batches that overlap, other boots, signatures, clocks that jump."""
    chance = random.Random(seed)
    payloads: list[tuple[bytes, int]] = []
    for life in range(chance.randint(1, 3)):
        sender = Sender(spool=f"{life:020x}", boot=f"0000000{life}-cab1", offset_ms=chance.randint(-(2**53), 2**53))
        for at in range(chance.randint(1, 30)):
            odd = chance.choice([b'{"k":"bad"}', b"0", b'"\\u0001"', b'{"k":"reading","at_ms":-1}', b"[1,2],[1,3]"[:5]])
            fault = SensorFault(at_ms=at, sensor="chiller-1", fault="crc", raw="00ff")
            sender.add(chance.choice([temperature(chance.uniform(-20, 90), at), fault, odd]))
        stored = 0
        while stored < len(sender.rows):
            first = max(1, stored + 1 - chance.randint(0, 4))
            stored = min(len(sender.rows), stored + chance.randint(1, 12))
            other: dict[str, object] = {}
            if chance.random() < 0.3:
                other = {"sent_boot": "ffffffff-0000", "signature": "ab" * 20, "error_ms": chance.randint(0, 2**53)}
            payload = sender.batch(first, stored, sent_ms=chance.randint(0, 2**53), **other)
            if chance.random() < 0.2:
                gap = Gap(at_ms=1, from_=first, to=stored, reason="pruned", chain=sender.chains[stored - 1].hex())
                rows = [*sender.rows[: first - 1], codec.encode_item(gap)]
                one = Sender(spool=sender.spool, boot=sender.boot, rows=rows, chains=sender.chains)
                payload = one.batch(first, first, hash=sender.chains[stored - 1].hex())
            payloads.append((payload, chance.randint(0, 2**62)))
    assert_same(entries(payloads))


def test_a_text_written_in_another_way_is_kept_whole() -> None:
    """Spaces, another order of members, members that this version does not know: content, byte for byte."""
    sender = Sender().add(temperature(4, 1), temperature(5, 2), temperature(6, 3), temperature(7, 4))
    plain = [sender.batch(number, number, sent_ms=5) for number in (1, 2, 3, 4)]
    spaced = b'{ "colour": 1, ' + plain[1][1:]
    newer = zlib.compress(plain[2][:-1] + b',"colour":"blue"}', 9)
    batches = entries([(plain[0], 1), (spaced, 2), (newer, 3), (plain[3], 4)])
    assert len(batches) == 4
    assert_same(batches)


def test_damage_is_told_and_never_other_batches() -> None:
    """A flipped bit, a cut, a foreign version: an error, or what was there."""
    batches = entries([(one.payload, one.received_ms) for one in day(0.3)])
    content, _ = pack_run(1, batches[-1].id, batches)
    whole = open_run(content)
    chance = random.Random(3)
    with pytest.raises(SegmentError, match="version"):
        open_run(b"\x07" + content[1:])
    for _ in range(60):
        spoiled = bytearray(content)
        if chance.random() < 0.3:
            del spoiled[chance.randrange(1, len(content)) :]
        else:
            spoiled[chance.randrange(1, len(content))] ^= 1 << chance.randrange(8)
        try:
            found = open_run(bytes(spoiled))
        except SegmentError:
            continue
        # The links and the head's own words have no check of their own: the segment's digest is theirs.
        assert found.batches == whole.batches
