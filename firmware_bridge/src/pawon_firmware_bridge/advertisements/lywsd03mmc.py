"""Xiaomi LYWSD03MMC thermometers with free firmware: service data of UUID 0x181A in the two plain formats.

``custom`` (pvvx): 15 bytes, little endian, address reversed: address, temperature 0.01 C, humidity 0.01 %, millivolt,
battery %, count, flags. ``atc1441``: 13 bytes, big endian: address, temperature 0.1 C, humidity %, battery %,
millivolt, count. Source: documentation of the firmware pvvx/ATC_MiThermometer, "Bluetooth Advertising Formats".
Both name their sender: another's is refused. Neither has a checksum beyond the radio's own.
"""

from __future__ import annotations

import struct

from pawon_firmware_bridge.advertisements.advertisement import Advertisement, Unseal, refuse, spell_mac
from pawon_firmware_bridge.measurement import Measurement

UUID = "0000181a-0000-1000-8000-00805f9b34fb"
CUSTOM = struct.Struct("<6shHHBBB")
ATC1441 = struct.Struct(">6shBBHB")
# The registers' ends: what is sent when the chip did not answer.
ABSENT = frozenset({-0x8000, 0x7FFF})


def read_lywsd03mmc(data: bytes, mac: bytes, unseal: Unseal | None = None) -> Advertisement:
    """What service data of the sender ``mac`` (six bytes as written) says. These formats cannot be encrypted."""
    if unseal is not None:
        return refuse(
            "this format is plain though key_file is set: choose BTHome v2 on the device", data, trouble="swapped"
        )
    if len(data) == CUSTOM.size:
        named, temperature, humidity, millivolt, battery, count, _ = CUSTOM.unpack(data)
        named, steps = named[::-1], 100
    elif len(data) == ATC1441.size:
        named, temperature, humidity, battery, millivolt, count = ATC1441.unpack(data)
        steps = 10
    else:
        return refuse(
            f"{len(data)} bytes are neither custom nor atc1441: choose custom or BTHome v2 on the device", data
        )
    if named != mac:
        return refuse(f"names {spell_mac(named)} as its sender, came from {spell_mac(mac)}", data, trouble="swapped")
    absent = temperature in ABSENT
    values = {
        "temperature_c": None if absent else temperature / steps,
        "humidity_percent": None if absent else humidity / (100 if steps == 100 else 1),
        "battery_percent": float(battery),
        "supply_v": millivolt / 1000,
    }
    return Advertisement(
        measurements=tuple(
            Measurement(quantity=name, value=value, state="ok" if value is not None else "disconnected", raw=data)
            for name, value in values.items()
        ),
        payload=data,
        packet=count,
    )
