"""Payloads that no gateway sends, on a gateway's own topic; none may stall the good ones or be dropped in silence."""

from __future__ import annotations

import random
import zlib

from tests.server.sender import Sender

from pawon_contract import codec

# The last second of 32-bit unsigned time, 2106-02-07.
YEAR_2106_MS = 4_294_967_295_000


def payloads(chance: random.Random, sensor: str) -> list[bytes]:
    """One of each kind. ``sensor`` is one of the gateway's that nobody else reads."""
    return [
        b"",
        b"{",
        b'{"spool": NaN}',
        b"\x00" * 3,
        b"[" * 5_000,
        chance.randbytes(300),
        b"x" * (codec.MAX_PAYLOAD_BYTES + 1),
        zlib.compress(b" " * (50 << 20), 9),
        _batch(chance)[:-7],
        _batch(chance).replace(b'"value":5', b'"value":NaN'),
        _batch(chance, hash="00" * 32),
        _batch(chance, first=9),
        _batch(chance, offset_ms=10**17),
        rows(chance, sensor),
    ]


def rows(chance: random.Random, sensor: str) -> bytes:
    """A good batch of a spool of its own whose rows are no good: see ``GOOD`` and ``BAD``."""
    return _batch(chance, items=tuple(item.replace(b"SENSOR", sensor.encode()) for item in (*BAD, *GOOD)))


BAD = (
    b'{"k":"reading","at_ms":2,"sensor":"SENSOR","quantity":"temperature_c","value":1e300}',
    b'{"k":"reading","at_ms":3,"sensor":"SENSOR","quantity":"mass_g","value":5}',
    b'{"k":"reading","at_ms":4,"sensor":"nobody","quantity":"temperature_c","value":5}',
    b'{"k":"reading","at_ms":5,"sensor":"SENSOR","quantity":"temperature_f","value":41}',
    b'{"k":"reading","at_ms":"now","sensor":"SENSOR","quantity":"temperature_c","value":5}',
    b'{"k":"miracle","at_ms":7}',
    b'{"k":"gap","at_ms":8,"from":1,"to":2,"reason":"dropped","chain":"' + b"00" * 32 + b'"}',
)
GOOD = (b'{"k":"reading","at_ms":9,"sensor":"SENSOR","quantity":"temperature_c","value":5}',)


def _batch(chance: random.Random, *, items: tuple[bytes, ...] = (), **other: object) -> bytes:
    """A batch of a new spool, stamped in the year 2106."""
    sender = Sender(spool=f"{chance.getrandbits(80):020x}", boot=f"{chance.getrandbits(64):016x}")
    sender.offset_ms = YEAR_2106_MS
    return sender.add(*(items or GOOD)).batch(**other)  # type: ignore[arg-type]  # fields of the envelope, by name
