"""A system bus of its own, and a BlueZ on it that hears what a test says: for the real bleak and the real driver.

Run as a program it is that BlueZ: it says ``ready``, then takes one JSON object a line from its standard input, each an
advertisement ``{"mac": ..., "services": {uuid: hex}, "rssi": -60}`` or ``{"remove": mac}``. It keeps the interfaces of
BlueZ's documentation that a scanner uses, no more; ``--passive`` adds advertisement monitors, ``--off`` a radio without
power.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from dbus_fast import BusType, Message, MessageType, Variant
from dbus_fast.aio import MessageBus

BLUEZ, ADAPTER, OBJECTS = "org.bluez", "/org/bluez/hci0", "org.freedesktop.DBus.ObjectManager"
UNKNOWN_METHOD = "org.freedesktop.DBus.Error.UnknownMethod"

BUS_CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path={socket}</listen>
  <policy context="default">
    <allow send_destination="*" eavesdrop="false"/>
    <allow receive_sender="*"/>
    <allow own="*"/>
    <allow user="*"/>
    {denied}
  </policy>
</busconfig>
"""
DENIED = '<deny send_destination="org.bluez" send_interface="org.freedesktop.DBus.ObjectManager"/>'


class FakeBlueZ:
    """The service's side: objects, their properties, and the few methods of a scan."""

    def __init__(self, bus: MessageBus, *, passive: bool, powered: bool) -> None:
        self._bus, self._passive = bus, passive
        self._adapter = {
            "Address": Variant("s", "00:11:22:33:44:55"), "Powered": Variant("b", powered),
            "Roles": Variant("as", ["central", "peripheral"]), "Discovering": Variant("b", False),
        }  # fmt: skip
        self._devices: dict[str, dict[str, Variant]] = {}
        self.scanning = False

    def answer(self, message: Message) -> Message | None:
        """Answers calls to BlueZ's own paths; the rest goes its usual way."""
        if message.message_type is not MessageType.METHOD_CALL or message.interface is None:
            return None
        if message.member == "GetManagedObjects":
            objects: dict[str, Any] = {ADAPTER: {"org.bluez.Adapter1": self._adapter}}
            objects |= {path: {"org.bluez.Device1": device} for path, device in self._devices.items()}
            return Message.new_method_return(message, "a{oa{sa{sv}}}", [objects])
        if message.path != ADAPTER:
            return None
        if message.member in ("RegisterMonitor", "UnregisterMonitor"):
            if not self._passive:
                return Message.new_error(message, UNKNOWN_METHOD, "no advertisement monitors here")
            self.scanning = message.member == "RegisterMonitor"
            say("passive" if self.scanning else "stopped")
            return Message.new_method_return(message)
        if message.member == "StartDiscovery":
            if not self._adapter["Powered"].value:
                return Message.new_error(message, "org.bluez.Error.NotReady", "Resource Not Ready")
            self.scanning = True
            say("active")
        elif message.member == "StopDiscovery":
            self.scanning = False
            say("stopped")
        elif message.member != "SetDiscoveryFilter":
            return None
        return Message.new_method_return(message)

    def hear(self, said: dict[str, Any]) -> None:
        """An advertisement arrives: a new device, or changed properties of a known one, as BlueZ tells them."""
        path = f"{ADAPTER}/dev_{said['mac'].replace(':', '_')}"
        services = {uuid: Variant("ay", bytes.fromhex(data)) for uuid, data in said["services"].items()}
        changed = {"ServiceData": Variant("a{sv}", services)}
        if said.get("rssi") is not None:
            changed["RSSI"] = Variant("n", said["rssi"])
        if path in self._devices:
            self._devices[path] |= changed
            self._signal(path, "org.freedesktop.DBus.Properties", "PropertiesChanged", "sa{sv}as",
                         ["org.bluez.Device1", changed, []])  # fmt: skip
            return
        self._devices[path] = {
            "Address": Variant("s", said["mac"]), "AddressType": Variant("s", "public"),
            "Adapter": Variant("o", ADAPTER),
            "Alias": Variant("s", said["mac"].replace(":", "-")), "Paired": Variant("b", False),
            "Connected": Variant("b", False), "UUIDs": Variant("as", []), **changed,
        }  # fmt: skip
        self._signal("/", OBJECTS, "InterfacesAdded", "oa{sa{sv}}", [path, {"org.bluez.Device1": self._devices[path]}])

    def _signal(self, path: str, interface: str, member: str, signature: str, body: list[Any]) -> None:
        self._bus.send(Message.new_signal(path, interface, member, signature, body))


def say(text: str) -> None:
    """A line for whoever started this program."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


async def serve(arguments: list[str]) -> None:
    """BlueZ until its standard input ends."""
    bus = await MessageBus(bus_type=BusType.SYSTEM).connect()
    bluez = FakeBlueZ(bus, passive="--passive" in arguments, powered="--off" not in arguments)
    bus.add_message_handler(bluez.answer)
    await bus.request_name(BLUEZ)
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    say("ready")
    while line := await reader.readline():
        if bluez.scanning:
            bluez.hear(json.loads(line))


class Air:
    """The test's side: the bus, the fake BlueZ, and what is in the air."""

    def __init__(self, folder: Path, *, denied: bool = False) -> None:
        self._folder, self._socket = folder, folder / "bus"
        self.address = f"unix:path={self._socket}"
        config = BUS_CONFIG.format(socket=self._socket, denied=DENIED if denied else "")
        (folder / "bus.conf").write_text(config)
        self._bus: subprocess.Popen[str] | None = None
        self._bluez: subprocess.Popen[str] | None = None

    def start_bus(self) -> None:
        """A dbus-daemon on a socket of its own."""
        self._bus = subprocess.Popen(
            ["dbus-daemon", f"--config-file={self._folder / 'bus.conf'}", "--nofork", "--nopidfile", "--print-address"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        assert self._bus.stdout is not None
        assert self._bus.stdout.readline()

    def start_bluez(self, *arguments: str) -> None:
        """BlueZ, once it owns its name."""
        self._log = (self._folder / "bluez.log").open("a")
        begun = self.log.count("ready")
        self._bluez = subprocess.Popen(
            [sys.executable, __file__, *arguments], stdin=subprocess.PIPE, stdout=self._log, text=True,
            env={**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": self.address},
        )  # fmt: skip
        while self.log.count("ready") == begun:
            assert self._bluez.poll() is None
            time.sleep(0.02)

    @property
    def log(self) -> list[str]:
        """What BlueZ was asked to do: ready, active, passive, stopped."""
        return (self._folder / "bluez.log").read_text().split()

    def send(self, mac: str, uuid: str, data: str | bytes, rssi: int | None = -60) -> None:
        """A device advertises; nobody hears it unless somebody scans."""
        text = data.hex() if isinstance(data, bytes) else data
        assert self._bluez is not None
        assert self._bluez.stdin is not None
        self._bluez.stdin.write(json.dumps({"mac": mac, "services": {uuid: text}, "rssi": rssi}) + "\n")
        self._bluez.stdin.flush()

    def kill_bluez(self) -> None:
        """kill -9 of bluetoothd."""
        if self._bluez is not None:
            self._bluez.kill()
            self._bluez.wait()
            assert self._bluez.stdin is not None
            try:
                self._bluez.stdin.close()
            except BrokenPipeError:
                pass
            self._log.close()
            self._bluez = None

    def end(self) -> None:
        """Everything is gone."""
        self.kill_bluez()
        if self._bus is not None:
            self._bus.kill()
            self._bus.wait()
            assert self._bus.stdout is not None
            self._bus.stdout.close()
            self._bus = None
        self._socket.unlink(missing_ok=True)


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1:]))
