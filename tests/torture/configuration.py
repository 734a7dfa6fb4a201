"""The configuration files of a torture kitchen, and ports for it."""

from __future__ import annotations

from pathlib import Path

from tests.torture.devices import PROBES, rom

KITCHEN, GATEWAY = "dapur-siksa", "gw-1"
# A sensor that only poison speaks of.
POISONED = "uji-racun"

_SENSORS = "".join(
    f'[[sensor]]\nid = "{name}"\ngateway = "{GATEWAY}"\nname = "{name}"\npoint = "chiller"\n' for name in PROBES
)
SERVER_TOML = """
kitchen = "{kitchen}"
name = "Dapur Siksa"
profile = "DEMO"
store = "{folder}/server/pawon.db"
broker = "mqtt://127.0.0.1:{server_broker}"
http.port = {http}
[[gateway]]
id = "gw-1"
{sensors}[[sensor]]
id = "uji-racun"
gateway = "gw-1"
name = "Racun"
"""
GATEWAY_TOML = """
kitchen = "{kitchen}"
gateway = "gw-1"
broker = "mqtt://127.0.0.1:{gateway_broker}"
data_dir = "{folder}/gateway"
heartbeat_s = 2
[guard]
profile = "DEMO"
[[w1]]
root = "{folder}/w1"
interval_s = 0.5
"""
# As docker/mosquitto has it, without its passwords. ``user``: root's broker would become an account that may not write
# here; anybody else's stays who it is.
MOSQUITTO_CONF = """
user root
listener {port} 127.0.0.1
allow_anonymous true
persistence true
persistence_location {folder}/broker/
autosave_on_changes true
autosave_interval 1
max_inflight_messages 1000
max_queued_messages 0
max_queued_bytes 67108864
log_type error
"""


def write_configuration(folder: Path, *, broker: int, gateways_broker: int, servers_broker: int, http: int) -> None:
    """``server.toml``, ``gateway.toml`` and ``mosquitto.conf``; ports as the programs are told them."""
    values = {
        "folder": folder, "kitchen": KITCHEN, "gateway_broker": gateways_broker, "server_broker": servers_broker,
        "http": http, "sensors": _SENSORS,
    }  # fmt: skip
    (folder / "server.toml").write_text(SERVER_TOML.format(**values))
    probes = "".join(
        f'[[w1.sensor]]\nid = "{name}"\nrom = "{rom(name)}"\npoint = "chiller"\nreport_step = 0.01\n' for name in PROBES
    )
    (folder / "gateway.toml").write_text(GATEWAY_TOML.format(**values) + probes)
    (folder / "mosquitto.conf").write_text(MOSQUITTO_CONF.format(port=broker, folder=folder))
