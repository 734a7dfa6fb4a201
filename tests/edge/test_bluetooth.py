"""The Bluetooth driver with the real bleak, on a bus of its own with a BlueZ that hears what the test says."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESCCM
from pydantic import ValidationError
from tests.edge.bluez import Air
from tests.edge.ears import Ears, running

from pawon_edge.drivers import bluetooth_table
from pawon_edge.drivers.bluetooth import SILENT_RESTART_S, BluetoothRadio
from pawon_edge.drivers.bluetooth_remedy import NO_BLUEZ, NO_BUS, NO_PERMISSION, NO_POWER, NO_RADIO
from pawon_edge.drivers.bluetooth_table import BluetoothTable
from pawon_firmware_bridge.advertisements.bthome import UUID as BTHOME
from pawon_firmware_bridge.advertisements.lywsd03mmc import UUID as ENVIRONMENT

MAC, OTHER, THIRD = "A4:C1:38:8D:18:B2", "A4:C1:38:8D:18:B3", "A4:C1:38:8D:18:B4"
KEY = bytes.fromhex("231d39c1d7cc1ab1aee224cd096db932")


@pytest.fixture
def air(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Air]:
    """A bus without a BlueZ yet."""
    made = Air(tmp_path)
    made.start_bus()
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", made.address)
    yield made
    made.end()


def row(name: str, mac: str = MAC, **settings: Any) -> dict[str, Any]:
    """One sensor's table."""
    return {"id": name, "mac": mac, **settings}


def make(
    ears: Ears, *rows: dict[str, Any], silent_restart_s: float = SILENT_RESTART_S, adapter: str = ""
) -> BluetoothRadio:
    """A driver as the gateway makes it from its table."""
    table = BluetoothTable.model_validate({"name": "radio", "adapter": adapter, "sensor": list(rows)})
    return BluetoothRadio(table=table, around=ears.around, silent_restart_s=silent_restart_s)


def sealed(body: bytes, counter: int, key: bytes = KEY, mac: str = MAC) -> bytes:
    """BTHome service data of a device that encrypts."""
    count = counter.to_bytes(4, "little")
    nonce = bytes.fromhex(mac.replace(":", "")) + bytes.fromhex("d2fc41") + count
    cipher = AESCCM(key, tag_length=4).encrypt(nonce, body, None)
    return b"\x41" + cipher[:-4] + count + cipher[-4:]


def plain(packet: int, centidegrees: int = 340) -> bytes:
    """BTHome service data with its number."""
    return bytes([0x40, 0x00, packet % 256, 0x02]) + centidegrees.to_bytes(2, "little", signed=True)


@pytest.mark.parametrize(("arguments", "mode"), [((), "active"), (("--passive",), "passive")])
def test_every_format_is_heard_through_bleak(air: Air, arguments: tuple[str, ...], mode: str) -> None:
    """BTHome, pvvx and atc1441 become samples of the configured quantities; BlueZ scans as gently as it can."""
    air.start_bluez(*arguments)
    ears = Ears()
    rows = [
        row("ruang"), row("ruang-rh", quantity="humidity_percent"), row("chiller", OTHER.lower()),
        row("chiller-rh", OTHER, quantity="humidity_percent"), row("pintu", THIRD, quantity="door"),
    ]  # fmt: skip

    def tell() -> None:
        air.send(MAC, BTHOME, "40 02 CA 09 03 BF 13")
        air.send(OTHER, ENVIRONMENT, "A4 C1 38 8D 18 B3 00 FB 33 5D 0B 86 2A")
        air.send(THIRD, BTHOME, "44 1A 01")
        air.send("00:00:00:00:00:01", BTHOME, "40 02 00 00")

    with running(make(ears, *rows)):
        ears.until(lambda: {one.sensor for one in ears.samples} == {one["id"] for one in rows}, poke=tell)
    assert {one.sensor: one.value for one in ears.samples} == {
        "ruang": 25.06, "ruang-rh": 50.55, "chiller": 25.1, "chiller-rh": 51.0, "pintu": 1.0,
    }  # fmt: skip
    assert ears.troubles == []
    assert mode in air.log
    assert air.log[-1] == "stopped"


def test_a_repeated_advertisement_is_one_sample(air: Air) -> None:
    """Said ten times, measured once; then the next one."""
    air.start_bluez()
    ears = Ears()
    with running(make(ears, row("chiller-1"))):
        ears.until(lambda: ears.samples, poke=lambda: air.send(MAC, BTHOME, plain(1)))
        for strength in range(10):
            air.send(MAC, BTHOME, plain(1), rssi=-60 - strength)
        ears.until(lambda: len(ears.samples) > 1, poke=lambda: air.send(MAC, BTHOME, plain(2, 350)))
    assert ears.values("chiller-1") == [3.4, 3.5]


def test_what_bluez_remembers_is_not_heard(air: Air) -> None:
    """Data without a signal strength is BlueZ's memory of a device: it makes no sample."""
    air.start_bluez()
    ears = Ears()
    with running(make(ears, row("chiller-1"), row("chiller-2", OTHER))):
        numbers = itertools.count()

        def tell() -> None:
            air.send(MAC, BTHOME, plain(next(numbers)), rssi=None)
            air.send(OTHER, BTHOME, plain(next(numbers)))

        ears.until(lambda: len(ears.values("chiller-2")) > 3, poke=tell)
    assert ears.values("chiller-1") == []


def test_an_encrypted_sensor_needs_its_key(air: Air, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """With the key: samples. A recorded one, a plain one, another key's: refused by name. The key is in no text."""
    air.start_bluez()
    key_file = tmp_path / "key"
    key_file.write_text(KEY.hex() + "\n")
    ears = Ears()
    counter = itertools.count(100)
    body = bytes.fromhex("02CA0903BF13")
    with running(make(ears, row("chiller-1", key_file=str(key_file)))):
        ears.until(lambda: ears.samples, poke=lambda: air.send(MAC, BTHOME, sealed(body, next(counter))))
        count = len(ears.samples)
        air.send(MAC, BTHOME, sealed(b"\x02\x00\x00", 7))
        ears.until(lambda: "old" in ears.kinds("chiller-1"))
        air.send(MAC, BTHOME, "40 02 00 00")
        ears.until(lambda: "swapped" in ears.kinds("chiller-1"))
        air.send(MAC, BTHOME, sealed(b"\x02\x00\x00", next(counter), key=bytes(16)))
        ears.until(lambda: "unreadable" in ears.kinds("chiller-1"))
        ears.until(lambda: len(ears.samples) > count, poke=lambda: air.send(MAC, BTHOME, sealed(body, next(counter))))
    assert set(ears.values("chiller-1")) == {25.06}
    told = caplog.text + "".join(one.detail for one in ears.troubles)
    assert KEY.hex() not in told.lower()


def test_a_missing_key_file_troubles_its_device_alone(air: Air, tmp_path: Path) -> None:
    """The neighbour without a key is heard; the other says which file it lacks."""
    air.start_bluez()
    ears = Ears()
    numbers = itertools.count()

    def tell() -> None:
        air.send(MAC, BTHOME, sealed(b"\x02\xca\x09", next(numbers)))
        air.send(OTHER, BTHOME, plain(next(numbers)))

    with running(make(ears, row("a", key_file=str(tmp_path / "none")), row("b", OTHER))):
        ears.until(lambda: ears.values("b") and ears.kinds("a"), poke=tell)
    assert set(ears.kinds("a")) == {"unreadable"}
    assert "key_file" in ears.troubles[0].detail


def test_damage_and_a_weak_battery_are_told(air: Air) -> None:
    """Half an advertisement is a trouble with its bytes; at 10 % the value is good and its battery is told after it."""
    air.start_bluez()
    ears = Ears()
    with running(make(ears, row("a"), row("b", OTHER))):

        def tell() -> None:
            air.send(MAC, BTHOME, "40 02 CA")
            air.send(OTHER, BTHOME, "40 01 0A 02 CA 09")

        ears.until(lambda: ears.kinds("a") and len(ears.kinds("b")) >= 1, poke=tell)
    assert ears.values("a") == []
    assert set(ears.kinds("a")) == {"bad_frames"}
    assert (set(ears.values("b")), set(ears.kinds("b"))) == ({25.06}, {"battery"})
    of_b = [type(one).__name__ for one in ears.seen if one.sensor == "b"]
    assert of_b[:2] == ["Sample", "Trouble"]


def test_a_bluez_that_dies_is_a_lost_port_until_it_is_back(air: Air) -> None:
    """kill -9 of bluetoothd: the silence is noticed, the remedy told, and samples come again with the next one."""
    air.start_bluez()
    ears = Ears()
    numbers = itertools.count()
    with running(make(ears, row("chiller-1"), silent_restart_s=1.0)):
        ears.until(lambda: ears.samples, poke=lambda: air.send(MAC, BTHOME, plain(next(numbers))))
        air.kill_bluez()
        ears.until(lambda: "port_lost" in ears.kinds("chiller-1"))
        assert NO_BLUEZ in ears.troubles[-1].detail
        count = len(ears.samples)
        air.start_bluez()
        ears.until(lambda: len(ears.samples) > count, poke=lambda: air.send(MAC, BTHOME, plain(next(numbers))))


def test_a_bus_that_dies_is_a_lost_port_until_it_is_back(air: Air) -> None:
    """The bus and BlueZ go together, as in an upgrade: told, and heard again when both are back."""
    air.start_bluez()
    ears = Ears()
    numbers = itertools.count()
    with running(make(ears, row("chiller-1"), silent_restart_s=1.0)):
        ears.until(lambda: ears.samples, poke=lambda: air.send(MAC, BTHOME, plain(next(numbers))))
        air.end()
        ears.until(lambda: "port_lost" in ears.kinds("chiller-1"))
        assert NO_BUS in ears.troubles[-1].detail
        count = len(ears.samples)
        air.start_bus()
        air.start_bluez()
        ears.until(lambda: len(ears.samples) > count, poke=lambda: air.send(MAC, BTHOME, plain(next(numbers))))


def test_a_scan_that_falls_silent_is_begun_anew(air: Air) -> None:
    """BlueZ is there and nothing is heard: scanning starts again, by turns in both ways, and no fault is invented."""
    air.start_bluez("--passive")
    ears = Ears()
    with running(make(ears, row("chiller-1"), silent_restart_s=0.6)):
        ears.until(lambda: air.log.count("passive") >= 2 and "active" in air.log)
    assert ears.seen == []


def test_no_bus_at_all_is_told_with_its_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without D-Bus: a trouble that helps, no crash."""
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", f"unix:path={tmp_path / 'nothing'}")
    ears = Ears()
    with running(make(ears, row("chiller-1"))):
        ears.until(lambda: "port_lost" in ears.kinds("chiller-1"))
    assert NO_BUS in ears.troubles[0].detail


@pytest.mark.parametrize(
    ("arguments", "adapter", "remedy"),
    [(None, "", NO_BLUEZ), (("--off",), "", NO_POWER), (("--off",), "hci0", NO_POWER), ((), "hci7", NO_RADIO)],
)
def test_what_keeps_the_radio_from_listening_has_its_remedy(
    air: Air, arguments: tuple[str, ...] | None, adapter: str, remedy: str
) -> None:
    """No BlueZ, no power, no such adapter: each with what to do."""
    if arguments is not None:
        air.start_bluez(*arguments)
    ears = Ears()
    with running(make(ears, row("chiller-1"), adapter=adapter)):
        ears.until(lambda: "port_lost" in ears.kinds("chiller-1"))
    assert remedy in ears.troubles[0].detail


def test_a_user_who_may_not_is_told_the_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bus refuses: the group is named."""
    guarded = Air(tmp_path, denied=True)
    guarded.start_bus()
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", guarded.address)
    ears = Ears()
    try:
        guarded.start_bluez()
        with running(make(ears, row("chiller-1"))):
            ears.until(lambda: "port_lost" in ears.kinds("chiller-1"))
    finally:
        guarded.end()
    assert NO_PERMISSION in ears.troubles[0].detail


def test_check_names_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No radio; a key that others may read, one that is no key, one that is not there: each with its remedy."""
    radios = tmp_path / "bluetooth"
    monkeypatch.setattr(bluetooth_table, "RADIOS", radios)
    open_key, bad_key = tmp_path / "a-open", tmp_path / "b-bad"
    open_key.write_text(KEY.hex())
    open_key.chmod(0o644)
    bad_key.write_text("none")
    bad_key.chmod(0o600)
    rows = [
        row("a", key_file=str(open_key)),
        row("b", OTHER, key_file=str(bad_key)),
        row("c", THIRD, key_file=str(tmp_path / "c-none")),
    ]
    table = BluetoothTable.model_validate({"name": "radio", "sensor": rows})
    assert [
        word in problem
        for word, problem in zip(("no such radio", "chmod 600", "32 hex", "No such file"), table.missing(), strict=True)
    ] == [True] * 4
    assert all(KEY.hex() not in problem for problem in table.missing())
    (radios / "hci0").mkdir(parents=True)
    open_key.chmod(0o600)
    assert BluetoothTable.model_validate({"name": "radio", "sensor": rows[:1]}).missing() == []


@pytest.mark.parametrize(
    ("rows", "word"),
    [
        ([row("a", "A4:C1:38")], "pattern"),
        ([row("a"), row("b")], "twice"),
        ([row("a", key_file="/k"), row("b", quantity="humidity_percent")], "same key_file"),
        ([row("a", quantity="kg")], "temperature_c"),
    ],
)
def test_a_table_that_cannot_be_is_refused_with_a_word(rows: list[dict[str, Any]], word: str) -> None:
    """Half an address, one quantity twice, two keys of one device."""
    with pytest.raises(ValidationError) as caught:
        BluetoothTable.model_validate({"name": "radio", "sensor": rows})
    assert word in str(caught.value)
