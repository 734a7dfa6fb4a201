"""Scales that speak only when they are asked: the real driver against simulated indicators on real ptys."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from pawon_edge.clock import SystemClock
from pawon_edge.drivers.driver import Surroundings
from pawon_edge.drivers.serial_port import SerialPort
from pawon_edge.drivers.serial_table import SerialTable
from pawon_edge.sample import Observed, Sample
from pawon_firmware_bridge.protocols import PROTOCOLS
from pawon_firmware_bridge.simulator import Simulator, load_scenario

SILENT = sorted(name for name, row in PROTOCOLS.items() if row.poll is not None and not row.stream)
# The others are asked to send by themselves, and do.
ONE_ANSWER_EACH = {"cas-pos", "yaohua-a9-command"}


def test_there_are_scales_that_wait_to_be_asked() -> None:
    """Otherwise the test below would prove nothing."""
    assert set(SILENT) >= ONE_ANSWER_EACH


@pytest.mark.parametrize("protocol", sorted(name for name, row in PROTOCOLS.items() if row.poll is not None))
def test_a_polled_scale_is_asked_and_answers(protocol: str, tmp_path: Path) -> None:
    """Each protocol with a dialogue gives its mass in grams through the driver, not more often than it may be asked."""
    story = tmp_path / "story.toml"
    story.write_text(
        f'title = "one"\n[[device]]\nname = "scale"\nprotocol = "{protocol}"\nmass_g = 12340\ndivision_g = 20\n'
    )
    heard: list[Observed] = []
    with Simulator(load_scenario(story), tmp_path / "devices") as simulator:
        row = PROTOCOLS[protocol]
        table = SerialTable.model_validate(
            {
                "name": "scale", "path": str(simulator.paths["scale"]), "protocol": protocol,
                "format": row.formats[0], "sensor": [{"id": "scale"}],
            }
        )  # fmt: skip
        around = Surroundings(emit=heard.append, monotonic_ms=SystemClock().monotonic_ms, port_lost=lambda name: [])
        port = SerialPort(table=table, around=around)
        thread = threading.Thread(target=port.run, daemon=True)
        thread.start()
        deadline = time.monotonic() + 30
        while len([seen for seen in heard if isinstance(seen, Sample)]) < 2 and time.monotonic() < deadline:
            time.sleep(0.02)
        port.stop()
        thread.join(timeout=3)
    samples = [seen for seen in heard if isinstance(seen, Sample)]
    assert len(samples) >= 2, heard
    assert {sample.value for sample in samples} == {12_340.0}
    if protocol in ONE_ANSWER_EACH:
        assert row.poll is not None
        assert samples[1].at_ms - samples[0].at_ms >= row.poll.interval_s * 900
