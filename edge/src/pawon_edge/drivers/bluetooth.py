"""Bluetooth thermometers and contacts, heard through the system's BlueZ; nothing is ever connected or paired.

One thread with its own event loop. bleak only hands over what was heard; bytes are read by ``firmware_bridge``. The
radio's state is not believed: BlueZ can die, or go on without hearing anything, and bleak would say neither. So a scan
that has heard nothing for a while is begun anew, and beginning anew tells what is missing.
"""

from __future__ import annotations

import asyncio
import logging
import random
import threading
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from bleak import BleakScanner
from bleak.args.bluez import OrPattern
from bleak.assigned_numbers import AdvertisementDataType

from pawon_firmware_bridge.advertisements import SERVICES, Repeats, Unseal, read_advertisement

from ..sample import Trouble
from .bind_key import BindKeyError, make_unseal, read_bind_key
from .bluetooth_remedy import name_remedy
from .bluetooth_table import BluetoothSensor, BluetoothTable
from .driver import Surroundings
from .readout import battery_trouble, read_out

log = logging.getLogger(__name__)

# Scans that stop hearing while BlueZ looks well are an old habit of it; three such rounds fit before a sensor's fault.
SILENT_RESTART_S = 90.0
# BlueZ answers within a second; one that hangs must not hang us.
ANSWER_S = 10.0
GOODBYE_S = 1.0
TURN_S = 0.5
BACKOFF_FIRST_S = 1.0
BACKOFF_MOST_S = 60.0
# A kitchen in a town hears some tens of devices a second; what one turn cannot take is lost, the oldest first.
MAX_HEARD = 500
# What bleak gives where BlueZ has no signal strength: it speaks from memory then, and has not heard the device now.
NOT_HEARD_DBM = -127
# Below this most of what a device says is lost.
WEAK_DBM = -90


class RadioError(Exception):
    """The radio cannot listen; the text names the remedy."""


@dataclass(frozen=True, slots=True)
class Heard:
    """One advertisement as bleak gave it."""

    mac: str
    services: dict[str, bytes]
    rssi: int
    at_ms: int


@dataclass(slots=True)
class Sender:
    """One device that is listened to."""

    sensors: list[BluetoothSensor]
    unseal: Unseal | None = None
    problem: str = ""
    repeats: dict[str, Repeats] = field(default_factory=lambda: {uuid: Repeats() for uuid in SERVICES})
    heard: int = 0
    weak: int = 0


class BluetoothRadio:
    """Listens with one radio until stopped; emits from its own thread."""

    def __init__(
        self, *, table: BluetoothTable, around: Surroundings, silent_restart_s: float = SILENT_RESTART_S
    ) -> None:
        self._table, self._around, self._silent_ms = table, around, round(silent_restart_s * 1000)
        self._stop = threading.Event()
        self._senders: dict[str, Sender] = {}
        for sensor in table.sensor:
            self._senders.setdefault(sensor.mac, Sender(sensors=[])).sensors.append(sensor)
        # Listening without asking spares the devices' batteries, where BlueZ can.
        self._passive = True
        self._backoff_s = BACKOFF_FIRST_S

    @property
    def name(self) -> str:
        return self._table.name

    def run(self) -> None:
        """The thread's body."""
        said = ""
        while not self._stop.is_set():
            self._take_keys()
            try:
                # A loop of its own for each scan: bleak keeps what it knows of BlueZ with the loop, and it may be old.
                asyncio.run(self._scan())
                said, self._backoff_s = "", BACKOFF_FIRST_S
                continue
            except RadioError as error:
                if said != (said := str(error)):
                    log.warning("%s: %s", self.name, error)
                self._tell_all("port_lost", str(error))
            self._stop.wait(self._backoff_s * random.uniform(0.5, 1.0))  # noqa: S311 - jitter, no secret
            self._backoff_s = min(self._backoff_s * 2, BACKOFF_MOST_S)

    def stop(self) -> None:
        """End soon."""
        self._stop.set()

    def _take_keys(self) -> None:
        """Read the keys that are not there yet; a device without its key is told, the others are heard."""
        for sender in self._senders.values():
            path = sender.sensors[0].key_file
            if path is None or sender.unseal is not None:
                continue
            try:
                sender.unseal, sender.problem = make_unseal(read_bind_key(path)), ""
            except BindKeyError as error:
                if sender.problem != (problem := str(error)):
                    log.error("%s: %s", self.name, problem)
                sender.problem = problem

    # --- the scan -----------------------------------------------------------------------------------------------------

    async def _scan(self) -> None:
        """One scan: returns when it has fallen silent or we stop. Raises ``RadioError``."""
        heard: deque[Heard] = deque(maxlen=MAX_HEARD)
        ring = asyncio.Event()
        now_ms = self._around.monotonic_ms

        def listen(device: Any, said: Any) -> None:
            # Runs inside bleak, which swallows what is raised here: the reading is done outside.
            if said.rssi != NOT_HEARD_DBM:
                heard.append(Heard(device.address.upper(), said.service_data, said.rssi, now_ms()))
                ring.set()

        async with self._scanning(listen):
            last_ms = now_ms()
            while not self._stop.is_set():
                try:
                    await asyncio.wait_for(ring.wait(), TURN_S)
                except TimeoutError:
                    if now_ms() - last_ms < self._silent_ms:
                        continue
                    weak = ", ".join(f"{mac} {s.weak} of {s.heard} weak" for mac, s in self._senders.items())
                    log.info(
                        "%s: nothing heard for %.0f s; listening anew (%s)", self.name, self._silent_ms / 1000, weak
                    )
                    # What one way of listening does not hear, the other may.
                    self._passive = not self._passive
                    return
                ring.clear()
                last_ms, self._backoff_s = now_ms(), BACKOFF_FIRST_S
                while heard:
                    self._take(heard.popleft())

    @asynccontextmanager
    async def _scanning(self, listen: Any) -> AsyncIterator[None]:
        """The radio listens inside. Passive scanning that BlueZ refuses is tried actively."""
        try:
            scanner = await self._start(listen, passive=self._passive)
        except RadioError:
            if not self._passive:
                raise
            scanner = await self._start(listen, passive=False)
        try:
            yield
        finally:
            try:
                await asyncio.wait_for(scanner.stop(), GOODBYE_S)
            except Exception as error:  # noqa: BLE001 - a BlueZ that is gone cannot be said goodbye to, in many ways
                log.debug("%s: stopping: %s", self.name, error)

    async def _start(self, listen: Any, *, passive: bool) -> BleakScanner:
        bluez: dict[str, Any] = {"adapter": self._table.adapter} if self._table.adapter else {}
        if passive:
            kind = AdvertisementDataType.SERVICE_DATA_UUID16
            bluez["or_patterns"] = [OrPattern(0, kind, bytes.fromhex(uuid[4:8])[::-1]) for uuid in SERVICES]
        try:
            scanner = BleakScanner(listen, scanning_mode="passive" if passive else "active", bluez=bluez)  # type: ignore[arg-type]  # its TypedDict, filled by turns
            await asyncio.wait_for(scanner.start(), ANSWER_S)
        except Exception as error:  # bleak lets errors of the bus, of BlueZ and of its own through; all mean the same
            raise RadioError(name_remedy(error)) from error
        log.info("%s: listening (%s)", self.name, "passive" if passive else "active")
        return scanner

    # --- what was heard -----------------------------------------------------------------------------------------------

    def _take(self, heard: Heard) -> None:
        sender = self._senders.get(heard.mac)
        if sender is None:
            return
        sender.heard += 1
        sender.weak += heard.rssi < WEAK_DBM
        if sender.problem:
            self._tell(sender, "unreadable", sender.problem, b"", heard.at_ms)
            return
        mac = bytes.fromhex(heard.mac.replace(":", ""))
        for uuid, data in heard.services.items():
            said = read_advertisement(uuid, data, mac, sender.unseal)
            if said is None:
                continue
            if said.bad is not None:
                self._tell(sender, said.trouble, said.bad.reason, said.bad.raw, heard.at_ms)
            if not said.measurements:
                continue
            verdict = sender.repeats[uuid].judge(said)
            if verdict == "replay":
                detail = (
                    "its counter fell: recorded and sent again, or its battery was changed; then restart the gateway"
                )
                self._tell(sender, "old", detail, data, heard.at_ms)
            elif verdict == "new":
                self._measured(sender, list(said.measurements), heard.at_ms)

    def _measured(self, sender: Sender, measurements: list[Any], at_ms: int) -> None:
        for sensor in sender.sensors:
            found = next((m for m in measurements if m.quantity == sensor.quantity and not m.channel), None)
            if found is not None:
                self._around.emit(read_out(sensor, found, at_ms))
            if (trouble := battery_trouble(sensor, measurements, at_ms)) is not None:
                self._around.emit(trouble)

    def _tell(self, sender: Sender, kind: str, detail: str, raw: bytes, at_ms: int) -> None:
        for sensor in sender.sensors:
            self._around.emit(Trouble(sensor=sensor.id, at_ms=at_ms, kind=kind, detail=detail, raw=raw))

    def _tell_all(self, kind: str, detail: str) -> None:
        for sender in self._senders.values():
            self._tell(sender, kind, detail, b"", self._around.monotonic_ms())
