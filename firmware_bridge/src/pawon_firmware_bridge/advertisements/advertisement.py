"""What one Bluetooth advertisement said, whatever its format: the one form that every reader here gives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pawon_firmware_bridge.measurement import MAX_RAW, BadFrame, Measurement

# The longest service data of an extended advertisement; an ordinary one has at most 26 bytes.
MAX_SERVICE_DATA = 255

Unseal = Callable[[bytes, bytes], bytes | None]
"""(nonce of 13 bytes, ciphertext with its 4 bytes of authentication) -> the plain bytes, None if it does not fit.

Whoever holds the key gives this, so that no key passes through here and this part needs no cryptography of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Advertisement:
    """One advertisement. ``bad`` says what was wrong with it, or with its rest; ``trouble`` is then the fault's name.

    ``payload``: the plain bytes of the measurements. ``packet``: the sender's own number of the measurement (0-255),
    ``None`` where it does not count; repeated advertisements repeat it. ``counter``: of an encrypted one, never the
    same twice. ``on_event``: the device sends when something happens, so its silence says little.

    Quantities are those of ``Measurement`` and ``door``, ``power`` (1 open or on, 0 not), ``battery_percent``,
    ``supply_v``. Of several of one quantity, the second has the channel ``2``, and so on.
    """

    measurements: tuple[Measurement, ...] = ()
    payload: bytes = b""
    packet: int | None = None
    counter: int | None = None
    on_event: bool = False
    bad: BadFrame | None = None
    trouble: str = "bad_frames"


def refuse(reason: str, data: bytes, *, trouble: str = "bad_frames") -> Advertisement:
    """An advertisement that gives nothing."""
    return Advertisement(bad=BadFrame(reason=reason, raw=data[:MAX_RAW]), trouble=trouble)


def spell_mac(mac: bytes) -> str:
    """As people and BlueZ write it: ``A4:C1:38:8D:18:B2``."""
    return mac.hex(":").upper()
