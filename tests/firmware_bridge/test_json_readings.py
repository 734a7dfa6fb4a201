"""What Zigbee2MQTT, Tasmota and ESPHome put on a broker, as they print it; then everything that is not that."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pawon_firmware_bridge.json_readings import (
    DIALECTS,
    MAX_BRACKETS,
    MAX_PAYLOAD,
    Report,
    read_esphome,
    read_presence,
    read_tasmota,
    read_zigbee2mqtt,
)
from pawon_firmware_bridge.measurement import MAX_RAW, Measurement

ZIGBEE = b'{"battery":87,"humidity":61.25,"linkquality":120,"temperature":3.4,"voltage":2950}'
TASMOTA = (
    b'{"Time":"2026-01-05T10:00:00","DS18B20-1":{"Id":"0316A279D1FF","Temperature":3.4},'
    b'"DS18B20-2":{"Id":"0316A27A42FF","Temperature":-18.1},"TempUnit":"C"}'
)
TWO = "several of them: set channel to one of 'DS18B20-1', 'DS18B20-2'"


def found(report: Report, quantity: str, channel: str = "") -> tuple[float | None, str]:
    """Value and state of one measurement."""
    one = report.find(quantity, channel)
    assert isinstance(one, Measurement), one
    return one.value, one.state


@pytest.mark.parametrize(
    ("payload", "quantity", "channel", "expected"),
    [
        (ZIGBEE, "temperature_c", "", (3.4, "ok")),
        (ZIGBEE, "humidity_percent", "", (61.25, "ok")),
        (ZIGBEE, "battery_percent", "", (87.0, "ok")),
        (b'{"temperature":0}', "temperature_c", "", (0.0, "ok")),
        (b'{"temperature":null}', "temperature_c", "", (None, "unavailable")),
        (b'{"temperature":true}', "temperature_c", "", (None, "nonsense")),
        (b'{"temperature":"3.4"}', "temperature_c", "", (None, "nonsense")),
        (b'{"temperature":1e999}', "temperature_c", "", (None, "nonsense")),
        (b'{"temperature":' + b"9" * 400 + b"}", "temperature_c", "", (None, "nonsense")),
        (b'{"temperature":9,"temperature_l1":3.4}', "temperature_c", "temperature_l1", (3.4, "ok")),
        (b'{"contact":true,"battery":100}', "door", "", (0.0, "ok")),
        (b'{"contact":false}', "door", "", (1.0, "ok")),
        (b'{"contact_left":false,"contact":true}', "door", "contact_left", (1.0, "ok")),
        (b'{"state":"ON","power":12.5}', "power", "", (1.0, "ok")),
        (b'{"state_l2":"OFF","state":"ON"}', "power", "state_l2", (0.0, "ok")),
        (b'{"battery_low":true}', "battery_percent", "", (None, "battery")),
    ],
)
def test_zigbee2mqtt(payload: bytes, quantity: str, channel: str, expected: tuple[float | None, str]) -> None:
    """A device's members, in degrees and percent; a closed contact is a closed door; booleans are no numbers."""
    assert found(read_zigbee2mqtt(payload, quantity, channel), quantity, channel) == expected


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        ('"2026-01-05T03:00:00.000Z"', datetime(2026, 1, 5, 3, tzinfo=UTC)),
        ('"2026-01-05T10:00:00+07:00"', datetime(2026, 1, 5, 3, tzinfo=UTC)),
        ("1767582000000", datetime(2026, 1, 5, 3, tzinfo=UTC)),
        ('"2026-01-05T10:00:00"', None),
        ('"yesterday"', None),
        ("1e300", None),
        ("-1e17", None),
        ("true", None),
        ("[]", None),
    ],
)
def test_zigbee2mqtt_says_when_it_heard_the_device(seen: str, expected: datetime | None) -> None:
    """``last_seen`` in each of its forms; what is no moment with a zone judges nothing."""
    assert read_zigbee2mqtt(b'{"temperature":3.4,"last_seen":' + seen.encode() + b"}").measured_at == expected


@pytest.mark.parametrize(
    ("payload", "quantity", "channel", "expected"),
    [
        (TASMOTA, "temperature_c", "DS18B20-1", (3.4, "ok")),
        (TASMOTA, "temperature_c", "DS18B20-2", (-18.1, "ok")),
        (TASMOTA, "temperature_c", "0316a27a42ff", (-18.1, "ok")),
        (b'{"DS18B20":{"Id":"A","Temperature":38.12},"TempUnit":"F"}', "temperature_c", "", (3.4, "ok")),
        (b'{"DS18B20":{"Id":"A","Temperature":null},"TempUnit":"C"}', "temperature_c", "", (None, "disconnected")),
        (b'{"DS18B20":{"Temperature":-127.0}}', "temperature_c", "", (None, "disconnected")),
        (b'{"DS18B20":{"Temperature":-196.6},"TempUnit":"F"}', "temperature_c", "", (None, "disconnected")),
        (b'{"DS18B20":{"Temperature":85.0}}', "temperature_c", "", (None, "power_on")),
        (b'{"MAX31855":{"Temperature":85.0}}', "temperature_c", "", (85.0, "ok")),
        (b'{"AM2301":{"Temperature":27.1,"Humidity":61.0}}', "humidity_percent", "", (61.0, "ok")),
        (b'{"DS18B20":{"Temperature":0.0}}', "temperature_c", "", (0.0, "ok")),
    ],
)
def test_tasmota(payload: bytes, quantity: str, channel: str, expected: tuple[float | None, str]) -> None:
    """One probe or several, by place or by id, Celsius or Fahrenheit; -127 and a probe's first 85 are no values."""
    assert found(read_tasmota(payload), quantity, channel) == expected


def test_tasmota_with_two_probes_and_no_channel_gives_none() -> None:
    """Which one is meant is not guessed; the names are told."""
    assert read_tasmota(TASMOTA).find("temperature_c", "") == TWO


def test_tasmota_time_has_no_zone_and_may_be_unset() -> None:
    """Its local time is told as such; a clock that was never set tells nothing."""
    report = read_tasmota(TASMOTA)
    assert (report.measured_at, report.zoned) == (datetime(2026, 1, 5, 10, tzinfo=UTC), False)
    assert read_tasmota(b'{"Time":"1970-01-01T00:10:00"}').measured_at is None


@pytest.mark.parametrize(
    ("payload", "quantity", "expected"),
    [
        (b"3.4", "temperature_c", (3.4, "ok")),
        (b" -18.06\n", "temperature_c", (-18.06, "ok")),
        (b"0", "temperature_c", (0.0, "ok")),
        (b"1e1", "temperature_c", (10.0, "ok")),
        (b"nan", "temperature_c", (None, "disconnected")),
        (b"NaN", "humidity_percent", (None, "disconnected")),
        (b"ON", "door", (1.0, "ok")),
        (b"OFF", "power", (0.0, "ok")),
    ],
)
def test_esphome(payload: bytes, quantity: str, expected: tuple[float | None, str]) -> None:
    """Plain text; ``nan`` is a sensor that does not answer."""
    assert found(read_esphome(payload, quantity, "suhu"), quantity, "suhu") == expected


@pytest.mark.parametrize(
    "payload", [b"", b"inf", b"3,4", b"1_0", "３".encode(), b"0x10", b"3.4 C", b"true", b"1" * 65, b"\xff"]
)
def test_esphome_text_that_is_no_number(payload: bytes) -> None:
    """Only a plain decimal number is one."""
    report = read_esphome(payload, "temperature_c")
    assert (report.measurements, report.bad is not None) == ((), True)


@pytest.mark.parametrize(
    ("payload", "word"),
    [
        (b"", "no JSON"),
        (b"3.4", "no JSON object"),
        (b"[]", "no JSON object"),
        (b"{", "no JSON"),
        (b'{"temperature":NaN}', "NaN"),
        (b'{"temperature":-Infinity}', "Infinity"),
        (b"\xff\xfe", "no JSON"),
        (b'{"a":' + b"9" * 5000 + b"}", "no JSON"),
        (b"[" * (MAX_BRACKETS + 1), "deep"),
        (b'{"a":"' + b"x" * MAX_PAYLOAD + b'"}', "too long"),
        (json.dumps({str(n): 1 for n in range(300)}).encode(), "members"),
    ],
)
@pytest.mark.parametrize("read", [read_zigbee2mqtt, read_tasmota])
def test_bad_json_is_a_value_with_its_reason(read: Any, payload: bytes, word: str) -> None:
    """No object, NaN, too long, too deep, too many: told, never raised, and only so many bytes kept."""
    report = read(payload)
    assert report.measurements == ()
    assert report.bad is not None
    assert word in report.bad.reason
    assert len(report.bad.raw) <= MAX_RAW


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (b"online", True),
        (b"offline", False),
        (b"Online", True),
        (b"Offline", False),
        (b'{"state":"offline"}', False),
        (b'{"state":"online"}', True),
        (b"", None),
        (b"{", None),
        (b'{"state":3}', None),
        (b'{"state":"\\ud800"}', None),
        (b"\xff", None),
        (b"offline" * 50, None),
    ],
)
def test_presence(payload: bytes, expected: bool | None) -> None:
    """Each program's words for there and gone; anything else says neither."""
    assert read_presence(payload) is expected


def test_every_dialect_is_documented() -> None:
    """A program that is understood has its row in docs/sensors.md."""
    text = (Path(__file__).parents[2] / "docs" / "sensors.md").read_text()
    assert [name for name in DIALECTS if f"dialect `{name}` |" not in text] == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["Time", "DS18B20", "Id", "Temperature", "TempUnit", "temperature", "contact", "last_seen"])
            | st.text(max_size=4),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@given(
    payload=st.one_of(st.binary(max_size=200), JSON.map(lambda found: json.dumps(found).encode())),
    dialect=st.sampled_from(sorted(DIALECTS)),
    quantity=st.sampled_from(["temperature_c", "humidity_percent", "door", "power"]),
    channel=st.sampled_from(["", "DS18B20", "temperature", "contact"]),
)
def test_nothing_raises_and_every_value_is_a_finite_number(
    payload: bytes, dialect: str, quantity: str, channel: str
) -> None:
    """Any bytes, any JSON: numbers that are numbers, states otherwise, names that can be written down."""
    report = DIALECTS[dialect].read(payload, quantity, channel)
    for one in report.measurements:
        assert (one.value is None) == (one.state != "ok")
        assert one.value is None or (type(one.value) is float and abs(one.value) < float("inf"))
    answer = report.find(quantity, channel)
    assert not isinstance(answer, str) or answer.isascii()
    read_presence(payload)


@given(bit=st.integers(0, len(TASMOTA) * 8 - 1), end=st.integers(0, len(TASMOTA) - 1))
def test_damaged_payloads_never_raise(bit: int, end: int) -> None:
    """One bit turned, or the end missing: a value or a reason."""
    damaged = bytearray(TASMOTA)
    damaged[bit // 8] ^= 1 << bit % 8
    assert read_tasmota(TASMOTA[:end]).bad is not None
    assert isinstance(read_tasmota(bytes(damaged)), Report)
