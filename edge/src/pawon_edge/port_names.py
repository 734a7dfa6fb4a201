"""The names of this machine's serial ports, and which of them can be trusted to stay with a scale.

``/dev/ttyUSB0`` is whoever was plugged in first. udev's *by-path* name stays with the USB socket; its *by-id* name
stays with the adapter, but only where the adapter has a serial number of its own. Cheap ones (CH340, many PL2303) have
none: all of them share one by-id name, which then points to any of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from serial.tools import list_ports
from serial.tools.list_ports_common import ListPortInfo

SERIAL = Path("/dev/serial")


@dataclass(frozen=True, slots=True, kw_only=True)
class PortNames:
    """One port. ``by_id`` is empty unless it names this adapter and no other."""

    device: str
    what: str = ""
    by_path: str = ""
    by_id: str = ""
    # Other ports whose adapter has the same by-id name, or would have it.
    twins: tuple[str, ...] = ()

    @property
    def steady(self) -> list[str]:
        """What to write into ``gateway.toml``: the adapter's own name, then its socket's; else the device."""
        return [name for name in (self.by_id, self.by_path) if name] or [self.device]

    def __str__(self) -> str:
        lines = [f"{self.device}: {self.what or 'serial port'}"]
        if self.by_path:
            lines.append(f"  {self.by_path} (stays with the socket)")
        if self.by_id:
            lines.append(f"  {self.by_id} (stays with the adapter)")
        if self.twins:
            lines.append(
                f"  of the same kind as {', '.join(self.twins)}: told apart by the socket, so mark the sockets"
            )
        return "\n".join(lines)


def ports(
    serial: Path = SERIAL, listing: Callable[[], Iterable[ListPortInfo]] = list_ports.comports
) -> list[PortNames]:
    """Every serial port with its names. ``serial`` is udev's folder, ``listing`` pyserial's view of the hardware."""
    found = sorted(listing(), key=lambda port: port.device)
    by_path, by_id = _links(serial / "by-path"), _links(serial / "by-id")
    rows = []
    for port in found:
        kind = (port.vid, port.pid, port.serial_number)
        twins = tuple(
            other.device
            for other in found
            if other is not port and port.vid is not None and (other.vid, other.pid, other.serial_number) == kind
        )
        own = port.serial_number is not None and not twins
        rows.append(
            PortNames(
                device=port.device,
                what=port.description if port.vid is None else f"{port.description} {port.vid:04x}:{port.pid:04x}",
                by_path=by_path.get(str(Path(port.device).resolve()), ""),
                by_id=by_id.get(str(Path(port.device).resolve()), "") if own else "",
                twins=twins,
            )
        )
    return rows


def _links(folder: Path) -> dict[str, str]:
    """Device -> link; udev keeps an older style of by-path name beside the newer, the shorter is the older."""
    if not folder.is_dir():
        return {}
    return {str(link.resolve()): str(link) for link in sorted(folder.iterdir(), key=lambda link: -len(link.name))}
