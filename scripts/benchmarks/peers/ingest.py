"""What a reading costs a store: a publisher, a real mosquitto, the real server process; Pawon beside its peers.

CPU-seconds of all threads of the server process from ``/proc/PID/stat``, without broker and publisher, from the first
message until everything is stored; five runs in the same process. Every value differs from the one before it.
What is done differs, and is said beside the figure: nobody else decodes, chains, judges and syncs.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from tests.server.sender import Sender

from pawon_contract import codec
from pawon_contract.messages import Committed, Reading

from .processes import PROGRAMS, Broker, Program, free_port, python, until
from .roads import SENSOR, SERVER, Server, ask
from .rows import SENSORS, now_ms, nth

# Readings a message -> readings a run: the same for everybody.
SIZES = {1: 2_000, 10: 4_000, 100: 10_000}
# On a busy machine a recorder that commits every few seconds may be silent for a long time.
STALLED_S = 240.0
TOPIC = "pawon/rows"
# What one gateway sends ahead of an answer, and what fifty of them do.
ONE_GATEWAY, FIFTY_GATEWAYS = 8, 400
# Home Assistant gets 400 readings ahead, whatever the message: what waits for its next commit makes it slower.


@dataclass(slots=True, kw_only=True)
class Store:
    """One contender: its process, how its messages are made, and how many readings it has stored since its start.

    ``window``: messages of so many readings that may be on their way. ``counts``: what one such message adds.
    ``share``: it gets only this part of the readings, for it would take too long."""

    name: str
    does: str
    program: Program
    topic: str
    payloads: Callable[[int, int], list[bytes]]
    stored: Callable[[], int]
    window: Callable[[int], int]
    counts: Callable[[int], int] = lambda size: size
    share: int = 1


class Publisher:
    """Publishes with QoS 1 and hears Pawon's answers, which tell how much is committed."""

    def __init__(self, port: int) -> None:
        self.upto = 0
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="publisher")
        self.client.on_connect = lambda *_: self.client.subscribe("pawon/v1/dapur-uji/gw-1/committed", qos=1)
        self.client.on_message = self._heard
        self.client.max_inflight_messages_set(1000)
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        until(self.client.is_connected, "the broker")

    def _heard(self, _client: object, _data: object, message: mqtt.MQTTMessage) -> None:
        answer = codec.decode(message.payload, Committed)
        assert isinstance(answer, Committed), answer
        assert answer.refused is None, answer
        self.upto = max(self.upto, answer.upto)

    def end(self) -> None:
        """Disconnect."""
        self.client.disconnect()
        self.client.loop_stop()


def run(*, runs: int, only: str = "") -> dict[str, object]:
    """Every contender at every size; the report."""
    report: dict[str, object] = {"readings_a_run": SIZES, "runs": runs, "contenders": {}}
    for make in (_pawon, _home_assistant, _home_assistant_committing, _mqtt_logger):
        with tempfile.TemporaryDirectory(prefix="pawon-peers-") as name:
            folder = Path(name)
            broker = Broker("broker", folder, folder / "broker", "max_queued_messages 0\nmax_inflight_messages 0")
            broker.start()
            publisher = Publisher(broker.port)
            stores = make(folder, broker.port, publisher)
            try:
                if only.lower() in stores[0].name.lower():
                    stores[0].program.start()
                    for store in stores:
                        report["contenders"][store.name] = _measure(store, publisher, broker, runs)  # type: ignore[index]
            finally:
                stores[0].program.end()
                publisher.end()
                broker.end()
    return report


def _measure(store: Store, publisher: Publisher, broker: Broker, runs: int) -> dict[str, object]:
    told: dict[str, object] = {
        "does": store.does,
        "window_messages": {str(size): store.window(size) for size in SIZES},
        "share": store.share,
    }
    for size, whole in SIZES.items():
        count = whole // store.share
        rates, walls, broker_cpu = [], [], []
        for _ in range(runs):
            payloads = store.payloads(size, count)
            cpu_s, broker_s, wall_s = store.program.cpu_s, broker.cpu_s, time.monotonic()
            _publish(store, publisher, payloads, size)
            rates.append(count / max(0.01, store.program.cpu_s - cpu_s))
            broker_cpu.append(broker.cpu_s - broker_s)
            walls.append(time.monotonic() - wall_s)
        middle = statistics.median(rates)
        told[str(size)] = {
            "readings_per_cpu_s": round(middle), "low": round(min(rates)), "high": round(max(rates)),
            "wall_s": round(statistics.median(walls), 2), "broker_cpu_s": round(statistics.median(broker_cpu), 2),
        }  # fmt: skip
        print(
            f"  {store.name:<44} {size:>3} a message {middle:>10,.0f} readings/cpu-s ({min(rates):,.0f} to "
            f"{max(rates):,.0f})  {count / statistics.median(walls):>9,.0f}/s wall",
            flush=True,
        )
    return told


def _publish(store: Store, publisher: Publisher, payloads: list[bytes], size: int) -> None:
    """All of them, never more than the window ahead of what is stored."""
    base, adds, window = store.stored(), store.counts(size), store.window(size)
    sent, done, progress = 0, 0, time.monotonic()
    while done < len(payloads):
        while sent < len(payloads) and sent - done < window:
            publisher.client.publish(store.topic, payloads[sent], qos=1)
            sent += 1
        time.sleep(0.002)
        now = (store.stored() - base) // adds
        if now > done:
            done, progress = now, time.monotonic()
        elif time.monotonic() - progress > STALLED_S:
            raise RuntimeError(f"{store.name}: {done} of {len(payloads)} messages stored, and no more come")


def _pawon(folder: Path, port: int, publisher: Publisher) -> list[Store]:
    http_port, config = free_port(), folder / "server.toml"
    config.write_text(
        SERVER.format(folder=folder, port=port, http_port=http_port)
        + "".join(SENSOR.format(sensor=sensor) for sensor in SENSORS)
    )
    program, sender = Server(folder, config, http_port), Sender(offset_ms=time.time_ns() // 1_000_000 - now_ms())
    made = iter(range(sys.maxsize))

    def payloads(size: int, count: int) -> list[bytes]:
        first = len(sender.rows) + 1
        sender.add(*(_reading(next(made)) for _ in range(count)))
        return [sender.batch(n, n + size - 1) for n in range(first, first + count, size)]

    does = "decode, chain, journal, readings, limit rules, latest, answer; commit with sync FULL"
    topic = "pawon/v1/dapur-uji/gw-1/log"
    return [
        Store(
            name=name, does=does, program=program, topic=topic, payloads=payloads, stored=lambda: publisher.upto,
            window=lambda _, window=window: window,  # type: ignore[misc]
        )
        for name, window in (("Pawon server", FIFTY_GATEWAYS), ("Pawon server, one gateway", ONE_GATEWAY))
    ]  # fmt: skip


def _reading(number: int) -> Reading:
    row = nth(number, 0)
    return Reading(at_ms=now_ms(), sensor=row.sensor, quantity="temperature_c", value=row.value)


def _array_payloads() -> Callable[[int, int], list[bytes]]:
    """The same readings for stores that know no batches of Pawon's: one object, or an array of them."""
    made = iter(range(sys.maxsize))

    def payloads(size: int, count: int) -> list[bytes]:
        rows = [nth(next(made), now_ms()).payload for _ in range(count)]
        return rows if size == 1 else [b"[" + b",".join(rows[n : n + size]) + b"]" for n in range(0, count, size)]

    return payloads


def _home_assistant(
    folder: Path, port: int, _publisher: Publisher, interval: int = 5, sync: str = "NORMAL"
) -> list[Store]:
    name = "Home Assistant recorder" + (", default" if interval else ", commit_interval 0")
    command: list[object] = [
        python("peers-stores"), PROGRAMS / "home_assistant_recorder.py", "--data", folder, "--port", port,
        "--commit-interval", interval,
    ]  # fmt: skip
    return [
        Store(
            name=name, does=f"decode, a state and its event, recorder; commit every {interval} s with sync {sync}",
            program=Program("home_assistant", command, folder), topic=TOPIC, payloads=_array_payloads(),
            stored=lambda: _number(folder / "home-assistant_v2.db", "SELECT max(state_id) FROM states"),
            window=lambda size: FIFTY_GATEWAYS // size, share=5,
        )
    ]  # fmt: skip


def _home_assistant_committing(folder: Path, port: int, publisher: Publisher) -> list[Store]:
    return _home_assistant(folder, port, publisher, 0, "FULL")


def _mqtt_logger(folder: Path, port: int, _publisher: Publisher) -> list[Store]:
    command: list[object] = [
        python("peers-stores"), PROGRAMS / "mqtt_logger_recorder.py", "--data", folder, "--port", port,
    ]  # fmt: skip
    return [
        Store(
            name="mqtt-logger", does="nothing with the content: a message is one row; each committed with sync FULL",
            program=Program("mqtt_logger", command, folder), topic=TOPIC, payloads=_array_payloads(),
            window=lambda _: 50, counts=lambda _: 1,
            stored=lambda: _number(folder / "log.db", "SELECT max(ID) FROM LOG"),
        )
    ]  # fmt: skip


def _number(path: Path, query: str) -> int:
    found = ask(path, query)
    return int(found[0][0] or 0) if found else 0
