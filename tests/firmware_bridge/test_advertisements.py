"""Bluetooth advertisements: literal ones with their source, then the same invented ones in bthome-ble, then damage."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData
from bthome_ble import BTHomeBluetoothDeviceData
from bthome_ble.const import MEAS_TYPES
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESCCM
from habluetooth import BluetoothServiceInfoBleak
from hypothesis import given
from hypothesis import strategies as st

from pawon_firmware_bridge.advertisements import SERVICES, Advertisement, Repeats, Unseal, read_advertisement
from pawon_firmware_bridge.advertisements.advertisement import MAX_SERVICE_DATA
from pawon_firmware_bridge.advertisements.bthome import UUID as BTHOME
from pawon_firmware_bridge.advertisements.bthome_objects import LENGTHS, MEANINGS
from pawon_firmware_bridge.advertisements.lywsd03mmc import UUID as ENVIRONMENT
from pawon_firmware_bridge.advertisements.repeats import REMEMBERED
from pawon_firmware_bridge.measurement import MAX_RAW

MAC = bytes.fromhex("A4C1388D18B2")
# The key, address, counter and values of bthome.io's chapter on encryption.
SPEC_KEY = bytes.fromhex("231d39c1d7cc1ab1aee224cd096db932")
SPEC_MAC = bytes.fromhex("5448E68F80A5")
SPEC_SEALED = bytes.fromhex("41 a47266c95f73 00112233 78237214")


def opener(key: bytes) -> Unseal:
    """Opens as the gateway does."""
    cipher = AESCCM(key, tag_length=4)

    def unseal(nonce: bytes, sealed: bytes) -> bytes | None:
        try:
            return cipher.decrypt(nonce, sealed, None)
        except InvalidTag:
            return None

    return unseal


def seal(key: bytes, mac: bytes, body: bytes, counter: int, info: int = 0x41) -> bytes:
    """Service data of a device that encrypts."""
    count = counter.to_bytes(4, "little")
    sealed = AESCCM(key, tag_length=4).encrypt(mac + bytes.fromhex("d2fc") + bytes([info]) + count, body, None)
    return bytes([info]) + sealed[:-4] + count + sealed[-4:]


def read(uuid: str, text: str | bytes, mac: bytes = MAC, unseal: Unseal | None = None) -> Advertisement:
    """One advertisement of a service that is ours."""
    heard = read_advertisement(uuid, text if isinstance(text, bytes) else bytes.fromhex(text), mac, unseal)
    assert heard is not None
    return heard


def values(heard: Advertisement) -> dict[str, float | None]:
    """Quantity, with its channel where it has one, and value."""
    return {f"{m.quantity} {m.channel}".strip(): m.value for m in heard.measurements}


@pytest.mark.parametrize(
    ("uuid", "text", "expected", "packet", "source"),
    [
        (BTHOME, "40 02 CA 09 03 BF 13", {"temperature_c": 25.06, "humidity_percent": 50.55}, None, "bthome.io"),
        (
            ENVIRONMENT,
            "B2 18 8D 38 C1 A4 CA 09 BF 13 86 0B 5D 2A 04",
            {"temperature_c": 25.06, "humidity_percent": 50.55, "battery_percent": 93, "supply_v": 2.95},
            42,
            "pvvx custom",
        ),
        (
            ENVIRONMENT,
            "A4 C1 38 8D 18 B2 00 FB 33 5D 0B 86 2A",
            {"temperature_c": 25.1, "humidity_percent": 51, "battery_percent": 93, "supply_v": 2.95},
            42,
            "atc1441",
        ),
        (ENVIRONMENT, "A4 C1 38 8D 18 B2 FF CD 33 5D 0B 86 2A", {"temperature_c": -5.1}, 42, "atc1441, below zero"),
        (BTHOME, "40 00 09 01 61 45 11 01", {"battery_percent": 97, "temperature_c": 27.3}, 9, "bthome.io, 0x45"),
        (BTHOME, "40 57 EA 2E 23", {"temperature_c": -22, "humidity_percent": 35}, None, "bthome.io, 0x57, 0x2E"),
        (BTHOME, "40 58 EA", {"temperature_c": -7.7}, None, "bthome.io, 0x58"),
        (BTHOME, "40 58 01", {"temperature_c": 0.35}, None, "one step of 0x58"),
        (BTHOME, "40 0C 02 0C", {"supply_v": 3.074}, None, "bthome.io, 0x0C"),
        (BTHOME, "40 06 5E 1F", {"mass_g": 80300}, None, "bthome.io, 0x06: 80.3 kg"),
        (BTHOME, "40 07 3E 1D", {"mass_g": 33955.9248182}, None, "bthome.io, 0x07: 74.86 lb"),
        (BTHOME, "44 1A 01", {"door": 1}, None, "bthome.io, 0x1A, open"),
        (BTHOME, "44 11 00", {"door": 0}, None, "bthome.io, 0x11, closed"),
        (BTHOME, "40 10 01", {"power": 1}, None, "bthome.io, 0x10, on"),
        (BTHOME, "40 02 00 00", {"temperature_c": 0}, None, "a pail of ice is a number"),
        (BTHOME, "42 B2 18 8D 38 C1 A4 02 CA 09", {"temperature_c": 25.06}, None, "with its address inside"),
        (BTHOME, "40 02 CA 09 02 00 00", {"temperature_c": 25.06, "temperature_c 2": 0}, None, "two probes"),
        (BTHOME, "40 3B 02 01 AA BB 53 02 68 69 54 01 FF 57 04", {"temperature_c": 4}, None, "behind counted ones"),
    ],
)
def test_literal_advertisements(
    uuid: str, text: str, expected: dict[str, float], packet: int | None, source: str
) -> None:
    """Bytes as devices send them give the values that their makers print beside them."""
    heard = read(uuid, text)
    assert heard.bad is None, source
    assert expected.items() <= values(heard).items() if len(expected) == 1 else values(heard) == expected
    assert heard.packet == packet
    assert heard.on_event == text.startswith("44")


def test_the_encrypted_example_of_the_specification() -> None:
    """Key, address, counter and bytes of bthome.io give its values; another key gives none."""
    heard = read(BTHOME, SPEC_SEALED, SPEC_MAC, opener(SPEC_KEY))
    assert values(heard) == {"temperature_c": 25.06, "humidity_percent": 50.55}
    assert heard.counter == 0x33221100
    refused = read(BTHOME, SPEC_SEALED, SPEC_MAC, opener(bytes(16)))
    assert (refused.measurements, refused.trouble) == ((), "unreadable")


@pytest.mark.parametrize(
    ("uuid", "text", "key", "trouble", "word"),
    [
        (BTHOME, "", None, "bad_frames", "empty"),
        (BTHOME, "20 02 CA 09", None, "bad_frames", "version 1"),
        (BTHOME, SPEC_SEALED.hex(), None, "unreadable", "key_file"),
        (BTHOME, "41 01 02 03 04 05 06 07 08", SPEC_KEY, "bad_frames", "short"),
        (BTHOME, "40 02 CA 09", SPEC_KEY, "swapped", "plain"),
        (BTHOME, "42 B2 18 8D 38 C1 A5 02 CA 09", None, "swapped", "A5:C1:38:8D:18:B2"),
        (ENVIRONMENT, "B2 18 8D 38 C1 A5 CA 09 BF 13 86 0B 5D 2A 04", None, "swapped", "A5:C1:38:8D:18:B2"),
        (ENVIRONMENT, "A4 C1 38 8D 18 B2 00 FB 33 5D 0B 86", None, "bad_frames", "12 bytes"),
        (ENVIRONMENT, "A4 C1 38 8D 18 B2 00 FB 33 5D 0B 86 2A", SPEC_KEY, "swapped", "plain"),
        (BTHOME, "40" + "00" * MAX_SERVICE_DATA, None, "bad_frames", "longer"),
    ],
)
def test_what_is_refused_says_why(uuid: str, text: str, key: bytes | None, trouble: str, word: str) -> None:
    """Old version, no or another key, a plain one where a key is set, a foreign sender's: no value, but a reason."""
    heard = read(uuid, text, MAC, None if key is None else opener(key))
    assert heard.measurements == ()
    assert heard.bad is not None
    assert word in heard.bad.reason
    assert heard.trouble == trouble
    assert len(heard.bad.raw) <= MAX_RAW


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("40 02 CA 09 F8 01", "0xf8"),
        ("40 02 CA 09 03 BF", "0x03"),
        ("40 02 CA 09 53", "0x53"),
        ("40 02 CA 09 54 09 01", "0x54"),
    ],
)
def test_what_came_before_an_unknown_or_cut_object_counts(text: str, word: str) -> None:
    """The values before it are good; that something followed which could not be read is said."""
    heard = read(BTHOME, text)
    assert values(heard) == {"temperature_c": 25.06}
    assert heard.bad is not None
    assert word in heard.bad.reason


@pytest.mark.parametrize(
    ("uuid", "text"),
    [
        (BTHOME, "40 02 00 80"), (BTHOME, "40 02 FF 7F"), (BTHOME, "40 45 00 80"), (BTHOME, "40 57 80"),
        (BTHOME, "40 03 FF FF"), (BTHOME, "40 01 FF"),
        (ENVIRONMENT, "B2 18 8D 38 C1 A4 00 80 BF 13 86 0B 5D 2A 04"),
        (ENVIRONMENT, "A4 C1 38 8D 18 B2 7F FF 33 5D 0B 86 2A"),
    ],
)  # fmt: skip
def test_the_ends_of_a_register_are_no_values(uuid: str, text: str) -> None:
    """What firmware sends when it could not read its chip becomes a state."""
    first = read(uuid, text).measurements[0]
    assert (first.value, first.state) == (None, "disconnected")


def test_a_foreign_service_is_none_of_ours() -> None:
    """Telephones and headsets are passed over."""
    assert read_advertisement("0000fe9f-0000-1000-8000-00805f9b34fb", b"\x00", MAC) is None


# --- the peer -------------------------------------------------------------------------------------------------------

PEER_NAMES = {
    "temperature": ("temperature_c", 1.0), "humidity": ("humidity_percent", 1.0), "battery": ("battery_percent", 1.0),
    "voltage": ("supply_v", 1.0), "mass": ("mass_g", 1000.0),
}  # fmt: skip
PEER_CONTACTS = {"door": "door", "opening": "door", "window": "door", "power": "power"}
# The peer gives both masses one name, and rounds 0x58 (steps of 0.35 C) to a tenth; both stand among the literal ones.
LITERAL_ONLY = {0x07, 0x58}


@pytest.fixture(autouse=True)
def _quiet_peer() -> Iterator[None]:
    """The peer logs each of the strange payloads."""
    logging.getLogger("bthome_ble").setLevel(logging.CRITICAL)
    yield
    logging.getLogger("bthome_ble").setLevel(logging.NOTSET)


def peer_values(data: bytes, key: bytes | None) -> dict[str, list[float]]:
    """What bthome-ble reads: quantity -> its values, sorted."""
    address = MAC.hex(":").upper()
    service_data = {BTHOME: data}
    info = BluetoothServiceInfoBleak(
        name="probe", address=address, rssi=-60, manufacturer_data={}, service_data=service_data,
        service_uuids=[BTHOME], source="local", device=BLEDevice(address, "probe", {}),
        advertisement=AdvertisementData("probe", {}, service_data, [BTHOME], None, -60, ()),
        connectable=False, time=0.0, tx_power=None,
    )  # fmt: skip
    update = BTHomeBluetoothDeviceData(bindkey=key).update(info)
    found: dict[str, list[float]] = {}
    for entity, sensor in update.entity_values.items():
        name = entity.key.rstrip("0123456789").rstrip("_")
        if name in PEER_NAMES:
            quantity, factor = PEER_NAMES[name]
            found.setdefault(quantity, []).append(sensor.native_value * factor)
    for entity, contact in update.binary_entity_values.items():
        name = entity.key.rstrip("0123456789").rstrip("_")
        if name in PEER_CONTACTS:
            found.setdefault(PEER_CONTACTS[name], []).append(float(contact.native_value))
    return {quantity: sorted(several) for quantity, several in found.items()}


def our_values(heard: Advertisement) -> dict[str, list[float]]:
    """The same of ours."""
    found: dict[str, list[float]] = {}
    for one in heard.measurements:
        assert one.value is not None
        found.setdefault(one.quantity, []).append(one.value)
    return {quantity: sorted(several) for quantity, several in found.items()}


def object_bytes(number: int) -> st.SearchStrategy[bytes]:
    """One object as a device would send it, without the integers that mean "not measured"."""
    meaning = MEANINGS.get(number)
    if meaning is None:
        return st.binary(min_size=LENGTHS[number], max_size=LENGTHS[number]).map(lambda body: bytes([number]) + body)
    if meaning.quantity in ("door", "power"):
        return st.sampled_from([bytes([number, 0]), bytes([number, 1])])
    length, signed = LENGTHS[number], meaning.signed
    low, high = (-(1 << 8 * length - 1), (1 << 8 * length - 1) - 1) if signed else (0, (1 << 8 * length) - 1)
    numbers = st.integers(low, high).filter(lambda n: n not in meaning.absent)
    return numbers.map(lambda n: bytes([number]) + n.to_bytes(length, "little", signed=signed))


KNOWN = sorted(set(MEANINGS) - LITERAL_ONLY)
OTHERS = sorted(set(LENGTHS) - set(MEANINGS) - {0x00})
PAYLOADS = st.lists(
    st.one_of(st.sampled_from(KNOWN), st.sampled_from(KNOWN), st.sampled_from(OTHERS)).flatmap(object_bytes),
    min_size=1, max_size=8,
).map(sorted).map(b"".join)  # fmt: skip


def test_the_table_of_lengths_is_the_peers() -> None:
    """Every object that bthome-ble knows is as long here."""
    counted = {number for number, row in MEAS_TYPES.items() if row.data_format in ("raw", "string", "command")}
    assert {n: row.data_length for n, row in MEAS_TYPES.items() if n not in counted} == LENGTHS
    assert counted == {0x3B, 0x53, 0x54}


@given(body=PAYLOADS)
def test_plain_payloads_read_as_by_the_peer(body: bytes) -> None:
    """Whatever objects a device sends: the same values in bthome-ble and here."""
    heard = read(BTHOME, b"\x40" + body)
    assert heard.bad is None
    theirs = peer_values(b"\x40" + body, None)
    ours = our_values(heard)
    assert ours.keys() == theirs.keys()
    for quantity, several in theirs.items():
        assert ours[quantity] == pytest.approx(several, abs=1e-9)


@given(body=PAYLOADS, key=st.binary(min_size=16, max_size=16), counter=st.integers(0, (1 << 32) - 1))
def test_encrypted_payloads_read_as_by_the_peer(body: bytes, key: bytes, counter: int) -> None:
    """The same through AES-CCM: same bytes, same key, same values."""
    data = seal(key, MAC, body, counter)
    heard = read(BTHOME, data, MAC, opener(key))
    assert (heard.bad, heard.counter, heard.payload) == (None, counter, body)
    theirs, ours = peer_values(data, key), our_values(heard)
    assert ours.keys() == theirs.keys()
    for quantity, several in theirs.items():
        assert ours[quantity] == pytest.approx(several, abs=1e-9)


# --- damage ---------------------------------------------------------------------------------------------------------


@given(
    uuid=st.sampled_from(sorted(SERVICES)), data=st.binary(max_size=300), mac=st.binary(min_size=6, max_size=6),
    keyed=st.booleans(),
)  # fmt: skip
def test_garbage_never_raises(uuid: str, data: bytes, mac: bytes, keyed: bool) -> None:
    """Anybody may send anything; what is read is finite, what is not has a reason."""
    heard = read(uuid, data, mac, opener(SPEC_KEY) if keyed else None)
    assert heard.bad is None or (heard.bad.reason and len(heard.bad.raw) <= MAX_RAW)
    if keyed:
        assert heard.measurements == ()


@given(bit=st.integers(0, len(SPEC_SEALED) * 8 - 1), end=st.integers(0, len(SPEC_SEALED) - 1))
def test_a_flipped_bit_or_a_cut_opens_nothing(bit: int, end: int) -> None:
    """An encrypted advertisement is believed as a whole or not at all."""
    damaged = bytearray(SPEC_SEALED)
    damaged[bit // 8] ^= 1 << bit % 8
    for data in (bytes(damaged), SPEC_SEALED[:end]):
        heard = read(BTHOME, data, SPEC_MAC, opener(SPEC_KEY))
        assert heard.measurements == ()
        assert heard.bad is not None


# --- repeats and replays --------------------------------------------------------------------------------------------


def numbered(packet: int, steps: int = 0) -> Advertisement:
    """One measurement with its number."""
    return read(BTHOME, bytes([0x40, 0x00, packet, 0x02]) + steps.to_bytes(2, "little"))


def test_a_repeated_advertisement_is_no_new_measurement() -> None:
    """What is said three times is heard once; the next number with the same value is news."""
    repeats = Repeats()
    told = [repeats.judge(numbered(packet)) for packet in (1, 1, 1, 2, 1, 2, 3)]
    assert told == ["new", "repeat", "repeat", "new", "repeat", "repeat", "new"]


@given(steps=st.lists(st.integers(0, 3), max_size=60))
def test_a_device_that_does_not_count_is_still_heard(steps: list[int]) -> None:
    """With one number for ever, every change is news."""
    repeats = Repeats()
    for place, value in enumerate(steps):
        changed = place == 0 or steps[place - 1] != value
        assert repeats.judge(numbered(0, value)) == ("new" if changed else "repeat")


@given(st.lists(st.integers(0, 255), max_size=200))
def test_the_memory_is_bounded(packets: list[int]) -> None:
    """However long a device talks, only so much is kept of it."""
    repeats = Repeats()
    for packet in packets:
        repeats.judge(numbered(packet))
    assert len(repeats._packets) <= REMEMBERED


def test_without_a_number_everything_is_news() -> None:
    """A device that numbers nothing is believed each time it is heard."""
    repeats = Repeats()
    assert [repeats.judge(read(BTHOME, "40 02 CA 09")) for _ in range(3)] == ["new"] * 3


def test_a_counter_that_does_not_rise_is_a_replay() -> None:
    """A recorded advertisement is refused; the same heard twice is only a repeat; running over the end is honest."""

    def counted(counter: int) -> Advertisement:
        return read(BTHOME, seal(SPEC_KEY, MAC, b"\x02\xca\x09", counter), MAC, opener(SPEC_KEY))

    repeats = Repeats()
    told = [repeats.judge(counted(n)) for n in (5, 6, 6, 5, 7, (1 << 32) - 3, 2, 1, 3)]
    assert told == ["new", "new", "repeat", "replay", "new", "new", "new", "replay", "new"]
