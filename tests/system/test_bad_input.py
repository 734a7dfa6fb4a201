"""Bad input has a name, is kept, and stops nothing else: on the ports, on every topic, in the spool itself."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import paho.mqtt.publish as publish
import pytest
from tests.server.sender import Sender, temperature
from tests.system.kitchen import Kitchen

from pawon_contract import chain, codec
from pawon_contract.messages import Envelope, Gap, Reading
from pawon_contract.topics import topic

pytestmark = pytest.mark.system


def newest(kitchen: Kitchen, sensor: str) -> str:
    """The time of the newest stored reading of a sensor; empty without one."""
    return max((str(row["measured_at"]) for row in kitchen.api(f"readings?sensor={sensor}&limit=1")), default="")


def test_bad_input_stops_nothing_else(tmp_path: Path) -> None:
    """Garbage on a port and three topics, an unknown sensor, NaN, an impossible value, a spoiled spool row."""
    kitchen = Kitchen(tmp_path)
    try:
        kitchen.start_all()
        kitchen.until(lambda: newest(kitchen, "es-batu"), "the kitchen to be there")
        assert kitchen.latest("es-batu")["value"] == 0

        # On the ports: the bytes are written down, the scale goes on.
        kitchen.until(lambda: kitchen.latest("timbangan-beras")["state"] == "ok", "the scale to be read")
        kitchen.devices.act("scale-rice", "garbage", count=600)
        kept, wanted = tmp_path / "gateway/bad_input.log", '"sensor": "timbangan-beras", "kind": "bad_frames"'
        kitchen.until(lambda: kept.exists() and wanted in kept.read_text(), "the garbage to be written down")
        kitchen.until(lambda: kitchen.latest("timbangan-beras")["state"] == "ok", "the scale to go on")

        # On the topics, as a confused or hostile client would. A stranger's rows are his own spool's.
        stranger = Sender(spool="f" * 20).add(
            temperature(4, 1, "nobody"),
            b'{"k":"reading","at_ms":2,"sensor":"chiller-1","quantity":"temperature_c","value":NaN}',
            b'{"k":"reading","at_ms":3,"sensor":"chiller-1","quantity":"temperature_c","value":-300}',
        )
        messages = [
            (topic("dapur-uji", "gw-1", "log"), b"not json at all"),
            (topic("dapur-uji", "gw-1", "log"), b"\x78\x9c\x00garbage"),
            (topic("dapur-uji", "gw-1", "live"), b'{"values": 7}'),
            (topic("dapur-uji", "gw-1", "status"), b"\xff\xfe"),
            (topic("dapur-uji", "gw-1", "log"), stranger.batch(1, 1)),
            (topic("dapur-uji", "gw-2", "log"), b"{}"),
        ]  # fmt: skip
        publish.multiple(
            [{"topic": name, "payload": payload, "qos": 1} for name, payload in messages],
            hostname="127.0.0.1", port=kitchen.broker_port, client_id="stranger",
        )  # fmt: skip
        kitchen.until(lambda: len(kitchen.api("quarantine")) >= 3, "the quarantine to hold what came")
        reasons = " | ".join(str(row["reason"]) for row in kitchen.api("quarantine"))
        assert "envelope" in reasons
        assert "nobody" in reasons
        raw = {bytes.fromhex(str(row["raw"])) for row in kitchen.api("quarantine")}
        assert b"not json at all" in raw
        assert "gw-2" in kitchen.log("server")
        before = newest(kitchen, "chiller-1")
        kitchen.until(lambda: newest(kitchen, "chiller-1") > before, "readings to go on")

        # In the spool: a row whose bytes are no JSON breaks its envelope, whatever batch it travels in.
        assert kitchen.stop("gateway") == 0
        bad = spoil_spool(tmp_path / "gateway/spool.db")
        kitchen.start("gateway")
        kitchen.until(kitchen.drained, "everything behind the bad row to arrive")
        with kitchen.store() as store:
            gaps = [
                (item.from_, item.to, item.reason)
                for (payload,) in store.execute("SELECT payload FROM journal WHERE kind = 'batch'")
                for item in decoded(payload)
                if isinstance(item, Gap)
            ]
        assert gaps == [(bad, bad, "refused")]
        with kitchen.spool() as spool:
            assert spool.execute("SELECT sequence, item FROM refused").fetchall() == [(bad, b'{"k":"reading", oops')]
    finally:
        kitchen.end()


def decoded(payload: bytes) -> list[object]:
    """The items of a stored batch."""
    envelope = codec.decode(payload, Envelope)
    assert isinstance(envelope, Envelope)
    return [codec.decode_item(bytes(item)) for item in envelope.items]


def spoil_spool(path: Path) -> int:
    """Append a good row, one that is no JSON, and forty good ones, each properly chained; the bad one's number."""
    with sqlite3.connect(path) as spool:
        last, boot, value = spool.execute("SELECT last, boot, chain FROM row ORDER BY sequence DESC LIMIT 1").fetchone()
        good = codec.encode_item(Reading(at_ms=1, sensor="es-batu", quantity="temperature_c", value=0.0))
        for number, item in enumerate([good, b'{"k":"reading", oops', *[good] * 40], last + 1):
            value = chain.link(value, number, boot, item)
            spool.execute("INSERT INTO row VALUES (?, ?, ?, ?, ?)", (number, number, boot, item, value))
    return int(last) + 2
