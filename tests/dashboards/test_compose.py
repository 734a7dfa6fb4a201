"""docker-compose.yml and what it mounts: accepted by docker-compose, closed by default, the broker's rules enforced.

No Docker runs here. The file is read by the real docker-compose, the samples by the programs that will read them, and
the broker's start script and configuration by a real mosquitto.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from tests.ports import own_port

from pawon_edge.config import load_config as load_gateway
from pawon_server.config import load_config as load_server

ROOT = Path(__file__).parents[2]
DOCKER = ROOT / "docker"
REQUIRED = (
    "PAWON_MQTT_SERVER_PASSWORD",
    "PAWON_MQTT_GATEWAY_PASSWORD",
    "PAWON_INFLUX_PASSWORD",
    "PAWON_INFLUX_TOKEN",
    "PAWON_INFLUX_READ_TOKEN",
    "PAWON_GRAFANA_PASSWORD",
)
SECRETS = {name: f"a-long-secret-of-{number}" for number, name in enumerate(REQUIRED)}
WAIT_S = 30.0


def compose(*arguments: str, settings: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Debian's docker-compose on the file, with the sample's settings and these, and none of the surroundings'."""
    program = shutil.which("docker-compose")
    assert program, "docker-compose was not found; on Debian: sudo apt install docker-compose"
    command = [program, "--env-file", str(DOCKER / "env.sample"), *arguments]
    environment = {"PATH": os.environ["PATH"], **settings}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=30, check=False)


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    """Every service with the defaults filled in, the demonstration's too."""
    answer = compose("--profile", "demo", "config", settings=SECRETS)
    assert answer.returncode == 0, answer.stderr
    read: dict[str, Any] = yaml.safe_load(answer.stdout)["services"]
    return read


@pytest.mark.parametrize("profile", [(), ("--profile", "demo")], ids=["kitchen", "demo"])
def test_docker_compose_accepts_the_file(profile: tuple[str, ...]) -> None:
    """With every secret set, docker-compose has nothing to say."""
    answer = compose(*profile, "config", "-q", settings=SECRETS)
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, "", "")


@pytest.mark.parametrize("name", REQUIRED)
def test_nothing_starts_without_its_secret(name: str) -> None:
    """A missing secret stops the start and is named; no default stands in for it."""
    answer = compose("config", "-q", settings={key: value for key, value in SECRETS.items() if key != name})
    assert answer.returncode != 0
    assert name in answer.stderr
    assert "docker/env.sample" in answer.stderr


def test_every_setting_is_documented_and_no_secret_is_given() -> None:
    """env.sample names every variable of the file, and holds no value that somebody could leave as it is."""
    asked = set(re.findall(r"\$\{(\w+)", (ROOT / "docker-compose.yml").read_text()))
    told = dict(re.findall(r"^#?([A-Z_]+)=(.*)$", (DOCKER / "env.sample").read_text(), re.MULTILINE))
    assert set(told) == asked
    assert {name: told[name] for name in REQUIRED} == dict.fromkeys(REQUIRED, "")


def test_only_this_machine_reaches_the_ports(services: dict[str, Any]) -> None:
    """Every published port is on loopback unless the operator says otherwise."""
    published = [str(port) for service in services.values() for port in service.get("ports", ())]
    assert len(published) == 4
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_the_services_run_with_little_power(services: dict[str, Any]) -> None:
    """Capabilities dropped, no way to gain any, read-only where the program allows it, and somebody asks how it is."""
    for name, service in services.items():
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["healthcheck"]["test"], name
        assert service["restart"] == "unless-stopped", name
        assert service.get("read_only") or name == "influxdb", name
        assert service["logging"]["options"]["max-size"], name
        assert "privileged" not in service, name


def test_versions_are_pinned(services: dict[str, Any]) -> None:
    """Every image, also those that ours are built from, has a full version."""
    built_from = re.findall(r"^FROM (\S+:\S+)", (DOCKER / "Dockerfile").read_text(), re.MULTILINE)
    images = [service["image"] for service in services.values()] + built_from
    assert len(images) >= 8
    assert [image for image in images if not re.search(r":\d+\.\d+\.\d+(-[a-z-]+)?$", image)] == []


def test_the_simulated_kitchen_is_only_in_the_demo(services: dict[str, Any]) -> None:
    """A kitchen never starts the simulator by accident, and everything else it always starts."""
    profiles = {name: service.get("profiles") for name, service in services.items()}
    always = dict.fromkeys(("mosquitto", "server", "influxdb", "grafana"))
    assert profiles == {**always, "demo": ["demo"]}


def test_what_is_kept_is_in_named_volumes(services: dict[str, Any]) -> None:
    """The store, the broker's queue, the points and Grafana's own data outlive their containers."""
    kept = {str(v).split(":")[1] for service in services.values() for v in service["volumes"] if str(v)[0] not in "./"}
    assert kept >= {"/mosquitto/data", "/var/lib/pawon", "/var/lib/influxdb2", "/var/lib/grafana"}


def test_the_images_are_made_of_what_is_in_the_tree(services: dict[str, Any]) -> None:
    """Each target exists, and each file copied into an image exists and is not shut out."""
    text = (DOCKER / "Dockerfile").read_text()
    targets = {service["build"]["target"] for service in services.values() if "build" in service}
    assert targets == {"server", "grafana", "demo"}
    assert targets <= set(re.findall(r"^FROM \S+ AS (\w+)$", text, re.MULTILINE))
    let_in = set(re.findall(r"^!(\w+)$", (DOCKER / "Dockerfile.dockerignore").read_text(), re.MULTILINE))
    for source in re.findall(r"^COPY (?:--chmod=\d+ )?([a-z]\S+) ", text, re.MULTILINE):
        assert (ROOT / source).exists(), source
        assert source.split("/")[0] in let_in, source


def test_the_samples_are_read_by_the_programs(services: dict[str, Any]) -> None:
    """Sample configurations are valid, name one another's ids, and point where the containers put things."""
    kitchen, demo = load_server(DOCKER / "server.toml"), load_server(DOCKER / "demo/server.toml", demo=True)
    gateway, _ = load_gateway(DOCKER / "demo/gateway.toml")
    broker = services["mosquitto"]["environment"]
    for server in (kitchen, demo):
        assert server.kitchen == gateway.kitchen == broker["PAWON_KITCHEN"]
        assert [row.id for row in server.gateway] == [gateway.gateway] == [broker["PAWON_GATEWAY"]]
        assert {row.id for row in server.sensor} == {row.id for row in gateway.sensors}
        assert {row.id: row.point for row in server.sensor} == {row.id: row.point for row in gateway.sensors}
        assert str(server.broker_password_file) == str(gateway.broker_password_file) == "/run/pawon/mqtt-password"
        assert server.influx is not None
        assert str(server.influx.token_file) == "/run/pawon/influx-token"
        asked = services["influxdb"]["environment"]
        assert server.influx.org == asked["DOCKER_INFLUXDB_INIT_ORG"]
        assert server.influx.bucket == asked["DOCKER_INFLUXDB_INIT_BUCKET"]
        assert server.influx.bucket == services["grafana"]["environment"]["PAWON_INFLUX_BUCKET"]
    assert gateway.broker_user == gateway.gateway


def test_secrets_become_files_and_leave_the_environment(tmp_path: Path) -> None:
    """The program finds its secret in a file for its eyes only, and not in its environment."""
    surroundings = {"PATH": os.environ["PATH"], "PAWON_SECRETS_DIR": str(tmp_path), "OTHER": "kept"}
    secrets = {"PAWON_SECRET_MQTT_PASSWORD": "s3 'cr\"et$x", "PAWON_SECRET_INFLUX_TOKEN": "t=="}
    command = [str(DOCKER / "with-secrets"), "env"]
    seen = subprocess.run(command, env={**surroundings, **secrets}, capture_output=True, text=True, check=True).stdout
    assert "OTHER=kept" in seen
    assert "PAWON_SECRET_" not in seen
    assert (tmp_path / "mqtt-password").read_text() == secrets["PAWON_SECRET_MQTT_PASSWORD"]
    assert (tmp_path / "influx-token").read_text() == secrets["PAWON_SECRET_INFLUX_TOKEN"]
    assert (tmp_path / "influx-token").stat().st_mode & 0o777 == 0o600


BROKER = {
    "PAWON_KITCHEN": "dapur-contoh",
    "PAWON_GATEWAY": "gw-1",
    "PAWON_MQTT_SERVER_PASSWORD": "password-of-server",
    "PAWON_MQTT_GATEWAY_PASSWORD": "password-of-gw-1",
    "PAWON_MQTT_MORE_GATEWAYS": "gw-2:password-of-gw-2",
}


def _broker_folder(folder: Path) -> tuple[Path, int]:
    """The broker's configuration with this machine's paths and a port of its own."""
    port = own_port()
    config = folder / "config"
    shutil.copytree(DOCKER / "mosquitto", config)
    text = (config / "mosquitto.conf").read_text()
    text = text.replace("1883 0.0.0.0", f"{port} 127.0.0.1").replace("/run/pawon", str(folder))
    # mosquitto gives up root's rights; in the container it has none to begin with.
    user = "user root\n" if os.getuid() == 0 else ""
    (config / "mosquitto.conf").write_text(user + text.replace("/mosquitto/data/", f"{folder}/"))
    return config, port


def _start(folder: Path, config: Path, **settings: str) -> subprocess.Popen[str]:
    assert shutil.which("mosquitto"), "mosquitto was not found; on Debian: sudo apt install mosquitto"
    # Debian keeps the broker where only root's PATH looks.
    path = f"{os.environ['PATH']}:/usr/sbin"
    environment = {"PATH": path, "PAWON_MQTT_CONFIG": str(config), "PAWON_MQTT_RUN": str(folder), **BROKER, **settings}
    with (folder / "log").open("w") as log:
        return subprocess.Popen([str(config / "start")], env=environment, stdout=log, stderr=log, text=True)


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    folder = tmp_path_factory.mktemp("mosquitto")
    config, port = _broker_folder(folder)
    process = _start(folder, config)
    until = time.monotonic() + WAIT_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            break
        except OSError:
            assert process.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < until, "mosquitto does not listen"
            time.sleep(0.02)
    yield port
    process.terminate()
    process.wait(10)


class User:
    """A client that remembers what the broker said and what it was sent."""

    def __init__(self, port: int, name: str, password: str | None) -> None:
        self.received: list[str] = []
        self._said: dict[str, Any] = {}
        self._news = threading.Condition()
        self._client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        if password is not None:
            self._client.username_pw_set(name, password)
        self._client.on_connect = lambda _c, _u, _f, code, _p: self._hear("connect", code)
        self._client.on_subscribe = lambda _c, _u, _m, codes, _p: self._hear("subscribe", codes)
        self._client.on_publish = lambda _c, _u, mid, code, _p: self._hear(f"publish {mid}", code)
        self._client.on_message = self._take
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def _hear(self, what: str, said: Any) -> None:
        with self._news:
            self._said[what] = said
            self._news.notify_all()

    def _take(self, _client: Client, _user: object, message: MQTTMessage) -> None:
        with self._news:
            self.received.append(message.topic)
            self._news.notify_all()

    def answer(self, what: str) -> Any:
        with self._news:
            assert self._news.wait_for(lambda: what in self._said, WAIT_S), f"no answer to {what}"
            return self._said[what]

    def subscribe(self, topic: str) -> None:
        self._client.subscribe(topic, qos=1)
        self.answer("subscribe")

    def may_publish(self, topic: str) -> bool:
        said = self.answer(f"publish {self._client.publish(topic, b'x', qos=1).mid}")
        return not said.is_failure

    def wait_for(self, topic: str) -> None:
        with self._news:
            assert self._news.wait_for(lambda: topic in self.received, WAIT_S), f"{topic} never came"

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


HOME = "pawon/v1/dapur-contoh"


def test_a_gateway_writes_its_own_topics_and_no_others(broker: int) -> None:
    """One stolen gateway password harms that gateway's record and nobody else's."""
    server, gateway = User(broker, "server", "password-of-server"), User(broker, "gw-1", "password-of-gw-1")
    # A connection of its own for what is refused: mosquitto 2.0.11 delivers nothing more to one that was.
    thief = User(broker, "gw-1", "password-of-gw-1")
    try:
        server.subscribe(f"{HOME}/+/log")
        gateway.subscribe(f"{HOME}/+/committed")
        assert gateway.may_publish(f"{HOME}/gw-1/log")
        assert gateway.may_publish(f"{HOME}/gw-1/status")
        refused = (f"{HOME}/gw-2/log", f"{HOME}/gw-1/committed", "pawon/v1/dapur-lain/gw-1/log", "anything")
        assert [topic for topic in refused if thief.may_publish(topic)] == []
        assert server.may_publish(f"{HOME}/gw-2/committed")
        assert server.may_publish(f"{HOME}/gw-1/committed")
        server.wait_for(f"{HOME}/gw-1/log")
        gateway.wait_for(f"{HOME}/gw-1/committed")
        assert (server.received, gateway.received) == ([f"{HOME}/gw-1/log"], [f"{HOME}/gw-1/committed"])
        assert not server.may_publish(f"{HOME}/gw-1/log")
    finally:
        for user in (server, gateway, thief):
            user.close()


@pytest.mark.parametrize(
    ("name", "password"), [("", None), ("gw-1", "password-of-gw-2"), ("gw-3", "password-of-gw-1"), ("gw-1", "")]
)
def test_nobody_enters_without_a_password_of_their_own(broker: int, name: str, password: str | None) -> None:
    """No anonymous client, no other one's password."""
    user = User(broker, name, password)
    try:
        assert user.answer("connect").is_failure
    finally:
        user.close()


@pytest.mark.parametrize(
    ("setting", "value", "told"),
    [
        ("PAWON_MQTT_GATEWAY_PASSWORD", "short", "at least 16 characters"),
        ("PAWON_MQTT_SERVER_PASSWORD", "long enough but with spaces", "letters, digits"),
        ("PAWON_MQTT_SERVER_PASSWORD", "", "at least 16 characters"),
        ("PAWON_KITCHEN", "Dapur/#", "is no id"),
        ("PAWON_MQTT_MORE_GATEWAYS", "gw-+:password-of-gw-3", "is no id"),
    ],
)
def test_the_broker_does_not_start_on_weak_settings(tmp_path: Path, setting: str, value: str, told: str) -> None:
    """A guessable password or an id that would widen the access list stops the start and is said."""
    config, _ = _broker_folder(tmp_path)
    assert _start(tmp_path, config, **{setting: value}).wait(10) == 1
    assert told in (tmp_path / "log").read_text()


def test_the_broker_keeps_its_queue() -> None:
    """The settings that a long backlog and a kill need are in the file that the container mounts."""
    rows = dict(
        line.split(None, 1)
        for line in (DOCKER / "mosquitto/mosquitto.conf").read_text().splitlines()
        if line[:1].isalpha()
    )
    assert rows["persistence"] == rows["autosave_on_changes"] == "true"
    assert rows["autosave_interval"] == "1"
    assert rows["max_inflight_messages"] == "1000"
    assert 0 < int(rows["max_queued_bytes"]) <= 2**28
    assert rows["max_queued_messages"] == "0"
    assert rows["allow_anonymous"] == "false"
