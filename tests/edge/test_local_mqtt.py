"""Sensors of other programs, over a real mosquitto on a port that the kernel chose."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from pydantic import ValidationError
from tests.edge.ears import Ears, running
from tests.ports import own_port

from pawon_edge.drivers.local_mqtt import MAX_PER_SECOND, LocalMqtt
from pawon_edge.drivers.local_mqtt_table import LocalMqttTable

NOW = datetime(2026, 1, 5, 3, 0, 30, tzinfo=UTC)


class Broker:
    """mosquitto in a folder of its own."""

    def __init__(self, folder: Path, *, password: str = "") -> None:
        self.port = own_port()
        self._folder, self._password = folder, password
        self._process: subprocess.Popen[bytes] | None = None
        lines = [f"listener {self.port} 127.0.0.1", "persistence false"]
        if password:
            (folder / "passwords").write_text(f"dapur:{password}\n")
            (folder / "passwords").chmod(0o600)
            tool = shutil.which("mosquitto_passwd") or "/usr/bin/mosquitto_passwd"
            subprocess.run([tool, "-U", folder / "passwords"], check=True)
            lines += [f"password_file {folder / 'passwords'}", "allow_anonymous false", "user root"]
        else:
            lines.append("allow_anonymous true")
        (folder / "mosquitto.conf").write_text("\n".join(lines) + "\n")

    def start(self) -> None:
        """Start it and wait until it listens."""
        with (self._folder / "mosquitto.log").open("ab") as log:
            self._process = subprocess.Popen(
                [shutil.which("mosquitto") or "/usr/sbin/mosquitto", "-c", self._folder / "mosquitto.conf"],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
            )
        end = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                assert time.monotonic() < end, (self._folder / "mosquitto.log").read_text()
                time.sleep(0.02)

    def kill(self) -> None:
        """kill -9, as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def say(self, *messages: tuple[str, bytes | str], retain: bool = False) -> None:
        """Another program publishes."""
        client = mqtt.Client(CallbackAPIVersion.VERSION2)
        if self._password:
            client.username_pw_set("dapur", self._password)
        client.connect("127.0.0.1", self.port)
        client.loop_start()
        try:
            for topic, payload in messages:
                client.publish(topic, payload, qos=1, retain=retain).wait_for_publish(timeout=5)
        finally:
            client.disconnect()
            client.loop_stop()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    """A running one."""
    made = Broker(tmp_path)
    made.start()
    yield made
    made.kill()


def sensor(name: str, dialect: str = "zigbee2mqtt", **settings: Any) -> dict[str, Any]:
    """One sensor's table."""
    return {"id": name, "dialect": dialect} | ({"device": name} if "topic" not in settings else {}) | settings


def make(broker: Broker, ears: Ears, *sensors: dict[str, Any], **settings: Any) -> LocalMqtt:
    """A driver as the gateway makes it from its table, at a known hour."""
    table = LocalMqttTable.model_validate(
        {"name": "house", "broker": f"mqtt://127.0.0.1:{broker.port}", "sensor": list(sensors), **settings}
    )
    return LocalMqtt(table=table, around=ears.around, utc_now=lambda: NOW, mute_s=3.0)


def test_all_dialects_are_heard(broker: Broker) -> None:
    """Each program's message becomes the samples of the sensors that are configured for it, with their bytes."""
    ears = Ears()
    driver = make(
        broker,
        ears,
        sensor("zig", device="dapur/chiller 1"),
        sensor("zig-rh", device="dapur/chiller 1", quantity="humidity_percent"),
        sensor("pintu", quantity="door"),
        sensor("tas-1", "tasmota", device="tasmota_AB12", channel="0316A279D1FF"),
        sensor("tas-2", "tasmota", device="tasmota_AB12", channel="DS18B20-2"),
        sensor("esp", "esphome", device="gudang", channel="suhu"),
        sensor("esp-pintu", "esphome", device="gudang", channel="pintu", quantity="door"),
        sensor("own", "tasmota", topic="dapur/tele/x/SENSOR"),
    )
    probes = '"DS18B20-1":{"Id":"0316A279D1FF","Temperature":3.4},"DS18B20-2":{"Id":"0316A27A42FF","Temperature":-18.1}'
    second = iter(range(1_000_000))

    def tell() -> None:
        moment = f"2026-01-05T{10 + next(second) % 10:02}:00:{next(second) % 60:02}"
        broker.say(
            ("zigbee2mqtt/dapur/chiller 1", '{"temperature":3.6,"humidity":61,"last_seen":"2026-01-05T03:00:00Z"}'),
            ("zigbee2mqtt/pintu", '{"contact":false}'),
            ("tele/tasmota_AB12/SENSOR", f'{{"Time":"{moment}",{probes},"TempUnit":"C"}}'),
            ("gudang/sensor/suhu/state", "27.5"),
            ("gudang/binary_sensor/pintu/state", "OFF"),
            ("dapur/tele/x/SENSOR", '{"DS18B20":{"Id":"A","Temperature":0.0}}'),
        )

    expected = {
        "zig": 3.6, "zig-rh": 61.0, "pintu": 1.0, "tas-1": 3.4, "tas-2": -18.1, "esp": 27.5,
        "esp-pintu": 0.0, "own": 0.0,
    }  # fmt: skip
    with running(driver):
        ears.until(lambda: {one.sensor for one in ears.samples} == set(expected), poke=tell)
    assert {one.sensor: one.value for one in ears.samples} == expected
    assert all(one.raw and one.at_ms for one in ears.samples)


def test_a_retained_value_is_yesterdays(broker: Broker) -> None:
    """What the broker kept is told as old and never shown; what the device says next is a sample."""
    broker.say(("zigbee2mqtt/chiller-1", '{"temperature":2.0}'), retain=True)
    ears = Ears()
    with running(make(broker, ears, sensor("chiller-1"))):
        ears.until(lambda: "old" in ears.kinds("chiller-1"))
        assert ears.samples == []
        broker.say(("zigbee2mqtt/chiller-1", '{"temperature":3.4}'), retain=True)
        ears.until(lambda: ears.samples)
    assert ears.values("chiller-1") == [3.4]


@pytest.mark.parametrize(
    ("dialect", "payload"),
    [
        ("zigbee2mqtt", '{"temperature":2.0,"last_seen":"2026-01-04T20:00:00Z"}'),
        ("zigbee2mqtt", '{"temperature":2.0,"last_seen":1767495600000}'),
        ("tasmota", '{"Time":"2026-01-04T10:00:00","DS18B20":{"Temperature":2.0}}'),
    ],
)
def test_a_message_with_an_old_time_is_old(broker: Broker, dialect: str, payload: str) -> None:
    """A program that repeats its memory after a restart makes no sample; without a zone, a day is still a day."""
    ears = Ears()
    driver = make(broker, ears, sensor("chiller-1", dialect))
    topic = "zigbee2mqtt/chiller-1" if dialect == "zigbee2mqtt" else "tele/chiller-1/SENSOR"
    with running(driver):
        ears.until(lambda: "old" in ears.kinds("chiller-1"), poke=lambda: broker.say((topic, payload)))
    assert ears.samples == []


def test_the_same_tasmota_time_twice_is_one_measurement(broker: Broker) -> None:
    """A message that somebody repeats is no new measurement."""
    ears = Ears()
    payload = '{"Time":"2026-01-05T10:00:00","DS18B20":{"Temperature":3.0}}'
    with running(make(broker, ears, sensor("chiller-1", "tasmota"))):
        ears.until(
            lambda: "old" in ears.kinds("chiller-1"), poke=lambda: broker.say(("tele/chiller-1/SENSOR", payload))
        )
    assert ears.values("chiller-1") == [3.0]


@pytest.mark.parametrize(
    ("settings", "topic", "gone"),
    [
        ({"dialect": "zigbee2mqtt"}, "zigbee2mqtt/chiller-1/availability", '{"state":"offline"}'),
        ({"dialect": "zigbee2mqtt"}, "zigbee2mqtt/chiller-1/availability", "offline"),
        ({"dialect": "zigbee2mqtt"}, "zigbee2mqtt/bridge/state", '{"state":"offline"}'),
        ({"dialect": "tasmota"}, "tele/chiller-1/LWT", "Offline"),
        ({"dialect": "esphome", "channel": "suhu"}, "chiller-1/status", "offline"),
    ],
)
def test_a_device_that_is_offline_is_told(broker: Broker, settings: dict[str, Any], topic: str, gone: str) -> None:
    """What the broker keeps of a device's absence counts, unlike values: it is unavailable."""
    broker.say((topic, gone), retain=True)
    ears = Ears()
    with running(make(broker, ears, sensor("chiller-1", **settings))):
        ears.until(lambda: "unavailable" in ears.kinds("chiller-1"))
    assert ears.samples == []


def test_states_and_damage_are_troubles(broker: Broker) -> None:
    """A lost probe, a first 85, two probes without a channel, garbage: each has its name and none is a number."""
    ears = Ears()
    driver = make(
        broker,
        ears,
        sensor("gone", "tasmota"),
        sensor("first", "tasmota"),
        sensor("two", "tasmota"),
        sensor("none", "tasmota"),
        sensor("bad"),
        sensor("nan", "esphome", channel="suhu"),
    )

    def tell() -> None:
        broker.say(
            ("tele/gone/SENSOR", '{"DS18B20":{"Temperature":-127}}'),
            ("tele/first/SENSOR", '{"DS18B20":{"Temperature":85.0}}'),
            ("tele/two/SENSOR", '{"DS18B20-1":{"Temperature":3.0},"DS18B20-2":{"Temperature":4.0}}'),
            ("tele/none/SENSOR", '{"ANALOG":{"A0":3}}'),
            ("zigbee2mqtt/bad", b"\xff\x00{"),
            ("nan/sensor/suhu/state", "nan"),
        )

    with running(driver):
        ears.until(lambda: len({one.sensor for one in ears.troubles}) == 6, poke=tell)
    assert ears.samples == []
    assert {one.sensor: one.kind for one in ears.troubles} == {
        "gone": "disconnected", "first": "power_on", "two": "nonsense", "none": "disconnected", "bad": "bad_frames",
        "nan": "disconnected",
    }  # fmt: skip


def test_a_weak_battery_is_told_after_its_value(broker: Broker) -> None:
    """At 10 % the value is still good, and the trouble stands last: a silence that follows has its name."""
    ears = Ears()
    with running(make(broker, ears, sensor("chiller-1"))):
        ears.until(
            lambda: len(ears.seen) >= 2,
            poke=lambda: broker.say(("zigbee2mqtt/chiller-1", '{"temperature":3.4,"battery":10}')),
        )
    assert ears.values("chiller-1")[0] == 3.4
    assert [type(one).__name__ for one in ears.seen[:2]] == ["Sample", "Trouble"]
    assert "10 %" in ears.troubles[0].detail


def test_a_broker_that_dies_is_a_lost_port_until_it_is_back(broker: Broker) -> None:
    """kill -9 and a new start: the loss is told, and samples come again without anybody's help."""
    ears = Ears()

    def tell() -> None:
        broker.say(("zigbee2mqtt/chiller-1", '{"temperature":3.4}'))

    with running(make(broker, ears, sensor("chiller-1"))):
        ears.until(lambda: ears.samples, poke=tell)
        broker.kill()
        ears.until(lambda: "port_lost" in ears.kinds("chiller-1"))
        count = len(ears.samples)
        broker.start()
        ears.until(lambda: len(ears.samples) > count, poke=tell)
    assert str(broker.port) in next(one.detail for one in ears.troubles if one.kind == "port_lost")


def test_no_broker_at_all_is_a_lost_port(tmp_path: Path) -> None:
    """A kitchen that starts before its broker waits and says so."""
    ears = Ears()
    with running(make(Broker(tmp_path), ears, sensor("chiller-1"))):
        ears.until(lambda: "port_lost" in ears.kinds("chiller-1"))


def test_a_wrong_password_says_what_to_check_and_a_right_one_opens(tmp_path: Path) -> None:
    """The remedy is in the trouble; the password itself is in no text."""
    guarded = Broker(tmp_path, password="rahasia-dapur")
    guarded.start()
    secret = tmp_path / "secret"
    try:
        secret.write_text("salah-sekali\n")
        ears = Ears()
        with running(make(guarded, ears, sensor("chiller-1"), user="dapur", password_file=str(secret))):
            ears.until(lambda: "port_lost" in ears.kinds("chiller-1"))
            assert "password_file" in ears.troubles[0].detail
            assert "salah" not in ears.troubles[0].detail
            secret.write_text("rahasia-dapur\n")
            ears.until(
                lambda: ears.samples,
                poke=lambda: guarded.say(("zigbee2mqtt/chiller-1", '{"temperature":3.4}')),
            )
    finally:
        guarded.kill()


def test_a_flood_costs_the_connection_and_not_the_gateway(broker: Broker) -> None:
    """Ten thousand messages: a few samples, a named trouble; its neighbour is heard on, and it again later."""
    ears = Ears()

    def tell() -> None:
        broker.say(("zigbee2mqtt/quiet", '{"temperature":3.4}'))

    with running(make(broker, ears, sensor("loud"), sensor("quiet"))):
        ears.until(lambda: ears.values("quiet"), poke=tell)
        client = mqtt.Client(CallbackAPIVersion.VERSION2)
        client.max_queued_messages_set(0)
        client.connect("127.0.0.1", broker.port)
        client.loop_start()
        last = None
        for number in range(10_000):
            last = client.publish("zigbee2mqtt/loud", f'{{"temperature":{number % 50}}}')
        assert last is not None
        last.wait_for_publish(timeout=20)
        client.disconnect()
        client.loop_stop()
        ears.until(lambda: "babble" in ears.kinds("loud"))
        count, loud = len(ears.values("quiet")), len(ears.values("loud"))
        ears.until(lambda: len(ears.values("quiet")) > count, poke=tell)
        assert len(ears.values("loud")) == loud
        ears.until(
            lambda: ears.values("loud")[-1] == 99,
            poke=lambda: broker.say(("zigbee2mqtt/loud", '{"temperature":99}')),
        )
    assert len(ears.values("loud")) <= 5 * MAX_PER_SECOND
    assert len(ears.seen) < 200
    assert "babble" not in ears.kinds("quiet")


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"device": None}, "needs device"),
        ({"topic": "a/b"}, "not both"),
        ({"device": "a/+"}, "pattern"),
        ({"device": "#"}, "pattern"),
        ({"quantity": "mass_g"}, "not mass_g"),
        ({"dialect": "tasmota", "quantity": "door"}, "not door"),
        ({"dialect": "esphome"}, "object id"),
        ({"fault_after_s": 3601}, "3600"),
    ],
)
def test_a_sensor_that_cannot_be_is_refused_with_a_word(settings: dict[str, Any], word: str) -> None:
    """Topics with wildcards, quantities that a program does not tell, a missing channel."""
    row = {"id": "chiller-1", "dialect": "zigbee2mqtt", "device": "chiller"} | settings
    with pytest.raises(ValidationError) as caught:
        LocalMqttTable.model_validate({"name": "house", "sensor": [row]})
    assert word in str(caught.value)
