"""Rows as columns and back: the content of the record never changes, whatever it holds."""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pawon_contract.codec import encode_item
from pawon_contract.messages import Reading, SensorFault, Weighing
from pawon_server.store import columns
from pawon_server.store.columns import MAX_ROWS, ColumnError, pack, unpack

numbers = st.one_of(
    st.integers(-(2**60), 2**60),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([0, -0.0, 1e22, 1e-7]),
)
values = st.recursive(
    st.one_of(numbers, st.booleans(), st.none(), st.text(max_size=12)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=6), inner, max_size=3)),
    max_leaves=8,
)
json_rows = values.map(lambda value: json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode())
rough = st.one_of(
    st.binary(max_size=60),
    st.text('0123456789.-+eE"\\,:{}[] \x00', max_size=40).map(str.encode),
    json_rows,
)


@settings(deadline=None, max_examples=100)
@given(st.lists(rough, max_size=40))
def test_any_bytes_come_back_as_they_were(rows: list[bytes]) -> None:
    """JSON or not, numbers in any spelling, digits in strings, holes in the text: byte for byte, in order."""
    assert list(unpack(pack(rows))) == rows


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.tuples(st.integers(0, 2**53), st.floats(-60, 260), st.sampled_from(["a-1", "a-2"]), st.integers(1, 9)),
        max_size=60,
    )
)
def test_readings_come_back_as_they_were(raw: list[tuple[int, float, str, int]]) -> None:
    """Of any time and value, also those printed with an exponent or seventeen digits."""
    rows = [
        encode_item(Reading(at_ms=at, sensor=sensor, quantity="temperature_c", value=value, low=value, count=count))
        for at, value, sensor, count in raw
    ]
    assert list(unpack(pack(rows))) == rows


def kitchen_day(sensors: int = 20, minutes: int = 600) -> list[bytes]:
    """Chillers that breathe, read with a little jitter; now and then somebody weighs, and a probe fails."""
    chance, rows = random.Random(7), []
    for minute in range(minutes):
        for number in range(sensors):
            value = round((3 + (minute % 15) / 10 + chance.gauss(0, 0.05)) * 16) / 16
            rows.append(
                encode_item(
                    Reading(
                        at_ms=minute * 60_000 + number * 780 + chance.randint(0, 6), sensor=f"chiller-{number}",
                        quantity="temperature_c", value=value, count=6, low=value - 0.0625, high=value + 0.0625,
                    )
                )
            )  # fmt: skip
        if minute % 30 == 0:
            at = minute * 60_000
            rows.append(encode_item(SensorFault(at_ms=at, sensor="chiller-3", fault="crc", raw="00ff")))
            rows.append(
                encode_item(
                    Weighing(
                        at_ms=at, sensor="beras", kind="out", before_g=50_000 - minute, after_g=40_000, start_ms=at,
                        end_ms=at, trace=[(n * 100, 50_000.0 - n) for n in range(20)],
                    )
                )
            )  # fmt: skip
    return rows


def test_a_day_of_readings_takes_little() -> None:
    """What the store's size is planned with: less than one and a half bytes a reading, a hundredth of its JSON."""
    rows = [row for row in kitchen_day() if b'"reading"' in row]
    assert len(pack(rows)) <= 1.5 * len(rows)


def test_order_is_kept_between_kinds() -> None:
    """Readings, weighings with their traces and faults stand where they stood."""
    rows = kitchen_day(3, 60)
    assert list(unpack(pack(rows))) == rows


def test_damage_is_told_and_never_other_rows() -> None:
    """A flipped bit, a cut or a foreign version raises."""
    rows = kitchen_day(2, 20)
    block = pack(rows)
    chance = random.Random(3)
    with pytest.raises(ColumnError, match="version"):
        list(unpack(b"\x07" + block[1:]))
    with pytest.raises(ColumnError):
        list(unpack(b""))
    for _ in range(200):
        spoiled = bytearray(block)
        if chance.random() < 0.3:
            del spoiled[chance.randrange(1, len(block)) :]
        else:
            spoiled[chance.randrange(1, len(block))] ^= 1 << chance.randrange(8)
        with pytest.raises(ColumnError):
            list(unpack(bytes(spoiled)))


def test_a_block_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """More rows than a block may hold are refused before anything is packed, a bomb before it is unpacked."""
    with pytest.raises(ValueError, match="more than"):
        pack([b"1"] * (MAX_ROWS + 1))
    block = pack([b"x" * 5_000])
    monkeypatch.setattr(columns, "MAX_UNPACKED_BYTES", 1_000)
    with pytest.raises(ColumnError, match="unpacks to more"):
        list(unpack(block))
