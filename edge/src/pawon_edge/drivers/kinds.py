"""Every kind of driver, by the name of its table in ``gateway.toml``: ours here, others' by entry points."""

from __future__ import annotations

from importlib.metadata import entry_points

from .bluetooth_table import BluetoothTable
from .driver import Driver, DriverKind, Surroundings
from .local_mqtt_table import LocalMqttTable
from .modbus_table import ModbusTable
from .serial_table import SerialTable
from .w1_table import W1Table

ENTRY_POINTS = "pawon.drivers"


def _serial(table: SerialTable, around: Surroundings) -> Driver:
    from .serial_port import SerialPort

    return SerialPort(table=table, around=around)


def _w1(table: W1Table, around: Surroundings) -> Driver:
    from .w1 import W1Bus

    return W1Bus(table=table, around=around)


def _modbus(table: ModbusTable, around: Surroundings) -> Driver:
    from .modbus import ModbusLine

    return ModbusLine(table=table, around=around)


def _bluetooth(table: BluetoothTable, around: Surroundings) -> Driver:
    from .bluetooth import BluetoothRadio

    return BluetoothRadio(table=table, around=around)


def _local_mqtt(table: LocalMqttTable, around: Surroundings) -> Driver:
    from .local_mqtt import LocalMqtt

    return LocalMqtt(table=table, around=around)


KINDS: dict[str, DriverKind] = {
    "serial": DriverKind(model=SerialTable, make=_serial),
    "modbus": DriverKind(model=ModbusTable, make=_modbus),
    "w1": DriverKind(model=W1Table, make=_w1),
    "bluetooth": DriverKind(model=BluetoothTable, make=_bluetooth),
    "local_mqtt": DriverKind(model=LocalMqttTable, make=_local_mqtt),
}


class DriverError(Exception):
    """A second party's driver cannot be used; the text names the package and the remedy."""


def foreign_kind(name: str) -> DriverKind | None:
    """The kind that an installed package gives under this name, ``None`` if none does.

    Only what a configuration names is ever loaded. Raises ``DriverError`` for a package that does not keep the seam."""
    for point in entry_points(group=ENTRY_POINTS, name=name):
        package = point.dist.name if point.dist is not None else point.value
        try:
            kind = point.load()
        except Exception as error:
            raise DriverError(f"the driver of package {package} does not load: {error}; update or remove it") from error
        if not isinstance(kind, DriverKind):
            raise DriverError(f"package {package} gives no DriverKind as {point.value}; ask its maker")
        return kind
    return None
