"""Sensors of other programs (Zigbee2MQTT, Tasmota, ESPHome), heard on a broker of the house.

Only what a device measures now counts: a retained message, or one whose own time is old, is yesterday's value and is
told as such. paho's loop runs in this driver's thread (decision 0004); its callback keeps the newest message of each
topic and nothing else, so that no flood can fill the gateway. A topic that floods costs the connection, for what waits
in it would come late and look new, and is not listened to for a while, so that its neighbours are.
"""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from pawon_firmware_bridge.json_readings import Report, read_presence
from pawon_firmware_bridge.measurement import MAX_RAW

from ..sample import Trouble
from .driver import Surroundings
from .local_mqtt_table import LocalMqttSensor, LocalMqttTable
from .readout import battery_trouble, read_out

log = logging.getLogger(__name__)

KEEPALIVE_S = 20
TURN_S = 0.5
BACKOFF_FIRST_S = 0.5
BACKOFF_MOST_S = 30.0
# A sensor tells something once a second at most; twenty times that is a program that hangs in a loop.
MAX_PER_SECOND = 20
BABBLE_REST_S = 30.0
# Between the clocks of two programs of one house, and the time a message may take.
OLD_AFTER_S = 300.0
# A time without its zone may be the gateway's own by so much and still be now: zones reach from -12 to +14 hours.
ZONES_S = 14 * 3600.0


@dataclass(slots=True)
class Inbox:
    """The newest message of one topic, and how many came in this second."""

    payload: bytes | None = None
    retained: bool = False
    at_ms: int = 0
    second: int = -1
    count: int = 0

    def put(self, payload: bytes, retained: bool, at_ms: int) -> bool:
        """Keep a message; whether there are not too many."""
        second = at_ms // 1000
        self.count = self.count + 1 if second == self.second else 1
        self.payload, self.retained, self.at_ms, self.second = payload, retained, at_ms, second
        return self.count <= MAX_PER_SECOND


def _utc_now() -> datetime:
    return datetime.now(UTC)


class LocalMqtt:
    """Listens to one broker until stopped; emits from its own thread. ``utc_now`` only judges the age of messages."""

    def __init__(
        self,
        *,
        table: LocalMqttTable,
        around: Surroundings,
        utc_now: Callable[[], datetime] = _utc_now,
        mute_s: float = BABBLE_REST_S,
    ) -> None:
        self._table, self._around, self._utc_now, self._mute_s = table, around, utc_now, mute_s
        self._stop = threading.Event()
        self._values: dict[str, list[LocalMqttSensor]] = {}
        self._presence: dict[str, list[LocalMqttSensor]] = {}
        for sensor in table.sensor:
            self._values.setdefault(sensor.values_topic, []).append(sensor)
            for topic in sensor.presence_topics:
                self._presence.setdefault(topic, []).append(sensor)
        self._inboxes: dict[str, Inbox] = {}
        self._babbling = ""
        # Until when topics that flooded are not listened to.
        self._muted: dict[str, int] = {}
        # Which topics each subscription asked for, by its number.
        self._asked: dict[int, list[str]] = {}
        # By which topics each sensor is said to be away.
        self._away: dict[str, set[str]] = {sensor.id: set() for sensor in table.sensor}
        self._times: dict[str, datetime] = {}
        self._refused = ""
        self._connected = False

    @property
    def name(self) -> str:
        return self._table.name

    def run(self) -> None:
        """The thread's body."""
        backoff_s, said = BACKOFF_FIRST_S, ""
        while not self._stop.is_set():
            self._connected, self._refused, self._babbling = False, "", ""
            self._asked.clear()
            self._inboxes = {topic: Inbox() for topic in (*self._presence, *self._values)}
            try:
                detail = self._listen()
            except (OSError, ValueError) as error:
                detail = str(error)
            if self._connected:
                backoff_s, said = BACKOFF_FIRST_S, ""
            if self._stop.is_set():
                return
            if not self._babbling:
                if said != (said := detail):
                    log.warning("%s: %s: %s", self.name, self._table.broker, detail)
                self._tell(self._table.sensor, "port_lost", f"broker {self._table.broker}: {detail}")
            self._stop.wait(backoff_s * random.uniform(0.5, 1.0))  # noqa: S311 - jitter, no secret
            backoff_s = min(backoff_s * 2, BACKOFF_MOST_S)

    def stop(self) -> None:
        """End soon."""
        self._stop.set()

    # --- the connection -----------------------------------------------------------------------------------------------

    def _listen(self) -> str:
        """One connection to its end; why it ended. Raises ``OSError`` for a broker that cannot be reached."""
        address = self._table.address()
        client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="", clean_session=True)
        if address.user is not None:
            client.username_pw_set(address.user, address.password)
        if address.ca_file is not None:
            client.tls_set(ca_certs=address.ca_file)
        client.on_connect, client.on_subscribe, client.on_message = (
            self._on_connect,
            self._on_subscribe,
            self._on_message,
        )
        client.connect(address.host, address.port, keepalive=KEEPALIVE_S)
        try:
            while not self._stop.is_set() and not self._refused:
                if (code := client.loop(timeout=TURN_S)) != mqtt.MQTT_ERR_SUCCESS:
                    return self._refused or mqtt.error_string(code)
                self._take_all()
                if self._babbling:
                    self._mute()
                    break
                self._listen_again(client)
            return self._refused or "closed"
        finally:
            client.disconnect()
            client.loop(timeout=0)

    def _on_connect(self, client: mqtt.Client, _data: object, _flags: object, reason: Any, _props: object) -> None:
        if reason.is_failure:
            self._refused = f"refuses this gateway ({reason}): check user and password_file"
            return
        self._connected = True
        log.info("%s: connected to %s", self.name, self._table.broker)
        self._subscribe(client, [topic for topic in self._inboxes if topic not in self._muted])

    def _subscribe(self, client: mqtt.Client, topics: list[str]) -> None:
        if topics:
            _, number = client.subscribe([(topic, 0) for topic in topics])
            if number is not None:
                self._asked[number] = topics

    def _on_subscribe(
        self, _client: mqtt.Client, _data: object, number: int, reasons: Sequence[Any], _props: object
    ) -> None:
        for topic, reason in zip(self._asked.pop(number, []), reasons, strict=False):
            if reason.is_failure and topic in self._values:
                self._tell(
                    self._values[topic], "refused", f"the broker lets nobody hear {topic}: check its access list"
                )

    def _on_message(self, _client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        inbox = self._inboxes.get(message.topic)
        if inbox is not None and not inbox.put(bytes(message.payload), message.retain, self._around.monotonic_ms()):
            self._babbling = message.topic

    # --- what came ----------------------------------------------------------------------------------------------------

    def _take_all(self) -> None:
        """Read the newest message of each topic, presence first: it explains why a value is old."""
        for topic, inbox in self._inboxes.items():
            if (payload := inbox.payload) is None:
                continue
            inbox.payload = None
            if topic in self._presence:
                self._take_presence(topic, payload, inbox.at_ms)
            if topic in self._values:
                for sensor in self._values[topic]:
                    self._take(sensor, payload, inbox.retained, inbox.at_ms)

    def _take_presence(self, topic: str, payload: bytes, at_ms: int) -> None:
        there = read_presence(payload)
        for sensor in self._presence[topic]:
            if there is False:
                self._away[sensor.id].add(topic)
                self._tell([sensor], "unavailable", f"{topic} says that it is offline", payload, at_ms)
            elif there:
                self._away[sensor.id].discard(topic)

    def _take(self, sensor: LocalMqttSensor, payload: bytes, retained: bool, at_ms: int) -> None:
        report = sensor.row.read(payload, sensor.quantity, sensor.channel)
        if report.bad is not None:
            self._tell([sensor], "bad_frames", report.bad.reason, payload, at_ms)
            return
        if (why := self._age(sensor, report, retained)) is not None:
            kind = "unavailable" if self._away[sensor.id] else "old"
            self._tell([sensor], kind, why, payload, at_ms)
            return
        found = report.find(sensor.quantity, sensor.channel)
        if isinstance(found, str):
            self._tell([sensor], "nonsense", found, payload, at_ms)
        elif found is not None:
            self._away[sensor.id].clear()
            self._around.emit(read_out(sensor, found, at_ms))
        elif sensor.row.whole:
            self._tell(
                [sensor], "disconnected", f"tells nothing of {sensor.channel or sensor.quantity}", payload, at_ms
            )
        if (trouble := battery_trouble(sensor, list(report.measurements), at_ms)) is not None:
            self._around.emit(trouble)

    def _age(self, sensor: LocalMqttSensor, report: Report, retained: bool) -> str | None:
        """Why this is no measurement of now, or ``None``. A time in the future is a wrong clock, and judges nothing."""
        if retained:
            return "retained by the broker: nobody knows when it was measured"
        moment = report.measured_at
        if moment is None:
            return None
        before = self._times.get(sensor.id)
        self._times[sensor.id] = moment
        if not report.zoned and before == moment:
            return f"measured at {moment:%H:%M:%S} of its clock, like the one before"
        age_s = (self._utc_now() - moment).total_seconds()
        most_s = OLD_AFTER_S + (0 if report.zoned else ZONES_S)
        return None if age_s <= most_s else f"measured {age_s:.0f} s ago, says its sender"

    def _listen_again(self, client: mqtt.Client) -> None:
        """To the topics that have been left alone for long enough."""
        now_ms = self._around.monotonic_ms()
        if due := [topic for topic, until_ms in self._muted.items() if now_ms >= until_ms and self._connected]:
            for topic in due:
                del self._muted[topic]
            self._subscribe(client, due)

    def _mute(self) -> None:
        topic = self._babbling
        self._muted[topic] = self._around.monotonic_ms() + round(self._mute_s * 1000)
        log.warning("%s: %s floods and is left alone for %.0f s", self.name, topic, self._mute_s)
        sensors = self._values.get(topic, self._presence.get(topic, []))
        self._tell(sensors, "babble", f"more than {MAX_PER_SECOND} messages in a second on {topic}")

    def _tell(
        self, sensors: Sequence[LocalMqttSensor], kind: str, detail: str, raw: bytes = b"", at_ms: int | None = None
    ) -> None:
        at_ms = self._around.monotonic_ms() if at_ms is None else at_ms
        for sensor in sensors:
            self._around.emit(Trouble(sensor=sensor.id, at_ms=at_ms, kind=kind, detail=detail, raw=raw[:MAX_RAW]))
