"""BTHome v2: service data of UUID 0xFCD2, plain or encrypted.

A device-information byte, then objects, each an id and a little-endian value. Encrypted, the objects are AES-CCM
ciphertext followed by a counter and four bytes of authentication; the nonce is address, UUID, device information and
counter. Source: bthome.io, "Format" and "Encryption". Keeps nothing: repeats and replays are judged by ``repeats``.
"""

from __future__ import annotations

from collections import Counter

from pawon_firmware_bridge.advertisements.advertisement import Advertisement, Unseal, refuse, spell_mac
from pawon_firmware_bridge.advertisements.bthome_objects import (
    COMMAND,
    COMMAND_LENGTH_BITS,
    COUNTED,
    LENGTHS,
    MEANINGS,
    PACKET,
    Meaning,
)
from pawon_firmware_bridge.measurement import MAX_RAW, BadFrame, Measurement

UUID = "0000fcd2-0000-1000-8000-00805f9b34fb"
UUID_BYTES = bytes.fromhex("d2fc")
VERSION = 2
ENCRYPTED, WITH_MAC, ON_EVENT = 0x01, 0x02, 0x04
MAC_BYTES, COUNTER_BYTES, TAG_BYTES = 6, 4, 4


def read_bthome(data: bytes, mac: bytes, unseal: Unseal | None = None) -> Advertisement:
    """What service data of the sender ``mac`` (six bytes as written) says. With ``unseal``, plain data is refused:
    anybody can send it under another's address."""
    if not data:
        return refuse("empty", data)
    info, body = data[0], data[1:]
    if info >> 5 != VERSION:
        return refuse(f"BTHome version {info >> 5}; only 2 is read: update the device's firmware", data)
    if info & WITH_MAC:
        named, body = body[:MAC_BYTES][::-1], body[MAC_BYTES:]
        if named != mac:
            return refuse(
                f"names {spell_mac(named)} as its sender, came from {spell_mac(mac)}", data, trouble="swapped"
            )
    counter = None
    if info & ENCRYPTED:
        if unseal is None:
            return refuse("encrypted: set key_file to the device's bind key", data, trouble="unreadable")
        if len(body) <= COUNTER_BYTES + TAG_BYTES:
            return refuse("encrypted and too short", data)
        sealed, count, tag = body[: -COUNTER_BYTES - TAG_BYTES], body[-8:-4], body[-TAG_BYTES:]
        opened = unseal(mac + UUID_BYTES + data[:1] + count, sealed + tag)
        if opened is None:
            return refuse("does not open with the key of key_file: another key, or damaged", data, trouble="unreadable")
        body, counter = opened, int.from_bytes(count, "little")
    elif unseal is not None:
        return refuse(
            "sent in plain though key_file is set: a foreign sender, or a reset device", data, trouble="swapped"
        )
    measurements, packet, wrong = _read_objects(body, data[:MAX_RAW])
    return Advertisement(
        measurements=measurements, payload=body, packet=packet, counter=counter, on_event=bool(info & ON_EVENT),
        bad=BadFrame(reason=wrong, raw=data[:MAX_RAW]) if wrong else None,
    )  # fmt: skip


def _read_objects(body: bytes, raw: bytes) -> tuple[tuple[Measurement, ...], int | None, str]:
    """The measurements, the packet's number, and why the rest could not be read (empty when it could)."""
    found: list[Measurement] = []
    seen: Counter[str] = Counter()
    packet, at = None, 0
    while at < len(body):
        number = body[at]
        start, end = _extent(body, at)
        if start is None:
            return tuple(found), packet, f"object {number:#04x} is none of BTHome v2"
        if end > len(body):
            return tuple(found), packet, f"ends inside object {number:#04x}"
        value, at = body[start:end], end
        if number == PACKET:
            packet = value[0]
        elif (meaning := MEANINGS.get(number)) is not None:
            seen[meaning.quantity] += 1
            count = seen[meaning.quantity]
            found.append(_measure(meaning, value, "" if count == 1 else str(count), raw))
    return tuple(found), packet, ""


def _extent(body: bytes, at: int) -> tuple[int | None, int]:
    """Where the value of the object at ``at`` begins and ends; it may end beyond the body. None: no such object."""
    number = body[at]
    if number in LENGTHS:
        return at + 1, at + 1 + LENGTHS[number]
    if number not in COUNTED and number != COMMAND:
        return None, at
    if at + 1 >= len(body):
        return at + 2, at + 2
    length = body[at + 1] if number in COUNTED else 1 + (body[at + 1] & COMMAND_LENGTH_BITS)
    return at + 2, at + 2 + length


def _measure(meaning: Meaning, value: bytes, channel: str, raw: bytes) -> Measurement:
    number = int.from_bytes(value, "little", signed=meaning.signed)
    if number in meaning.absent:
        return Measurement(quantity=meaning.quantity, value=None, state="disconnected", channel=channel, raw=raw)
    return Measurement(
        quantity=meaning.quantity, value=number * meaning.factor / meaning.divisor, channel=channel, raw=raw
    )
