"""Bluetooth advertisements: service data in, measurements out. Every format has its row here.

Pure: who listens to the radio, holds keys and knows the time is the gateway's driver.
"""

from __future__ import annotations

from collections.abc import Callable

from pawon_firmware_bridge.advertisements.advertisement import MAX_SERVICE_DATA, Advertisement, Unseal, refuse
from pawon_firmware_bridge.advertisements.bthome import UUID as BTHOME_UUID
from pawon_firmware_bridge.advertisements.bthome import read_bthome
from pawon_firmware_bridge.advertisements.lywsd03mmc import UUID as ENVIRONMENT_UUID
from pawon_firmware_bridge.advertisements.lywsd03mmc import read_lywsd03mmc
from pawon_firmware_bridge.advertisements.repeats import Repeats

__all__ = ["SERVICES", "Advertisement", "Repeats", "Unseal", "read_advertisement"]

SERVICES: dict[str, Callable[[bytes, bytes, Unseal | None], Advertisement]] = {
    BTHOME_UUID: read_bthome,
    ENVIRONMENT_UUID: read_lywsd03mmc,
}
"""Service UUID -> how its data is read."""


def read_advertisement(uuid: str, data: bytes, mac: bytes, unseal: Unseal | None = None) -> Advertisement | None:
    """What the service data of one sender says; None for a service that is none of ours. Never raises.

    ``mac``: the sender's six bytes in the order they are written. ``unseal`` opens what is encrypted for its key.
    """
    read = SERVICES.get(uuid.lower())
    if read is None:
        return None
    if len(data) > MAX_SERVICE_DATA:
        return refuse(f"{len(data)} bytes are longer than any advertisement", data)
    return read(data, mac, unseal)
