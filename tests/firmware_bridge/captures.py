"""Captures of three seconds of each scale, begun in the middle of a frame, as `pawon-bridge identify` meets them.

The bytes are the simulator's, whose layouts the literal frames prove; a capture of a real device is one more row.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from pawon_firmware_bridge.scenarios.weighing_platform import Reading
from pawon_firmware_bridge.simulator.indicators import INDICATORS
from pawon_firmware_bridge.simulator.rows import ScaleRow

FRAMES = 30
"""Three seconds at 10 Hz."""

# name, masses in grams over the capture, digits after the point of the kilograms, share of frames with a noise burst
LOADS = [
    ("empty", (0.0,), 3, 0.0),
    ("rice", (48_505.0,), 3, 0.0),
    ("round", (48_500.0,), 3, 0.0),
    ("moving", (12_340.0, 12_345.0, 13_015.0, 14_725.0), 3, 0.0),
    ("negative", (-1_250.0, -1_255.0), 3, 0.0),
    ("coarse", (25_120.0, 25_130.0), 2, 0.0),
    ("noisy", (5_125.0, 5_135.0), 3, 0.2),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture:
    protocol: str
    load: str
    content: bytes


def frame_of(
    protocol: str, mass_g: float | None, *, decimals: int = 3, stable: bool = True, state: str = "ok"
) -> bytes:
    """One frame as the simulated indicator sends it."""
    row = ScaleRow(
        name="scale", protocol=protocol, path="scale", rate_hz=10, mass_g=0, division_g=5, decimals=decimals,
        noise_g=0, capacity_g=150_000,
    )  # fmt: skip
    return INDICATORS[protocol].frame(row, Reading(mass_g=mass_g, stable=stable, state=state))


def captures() -> Iterator[Capture]:
    """Every scale protocol under every load."""
    for protocol in INDICATORS:
        for load, masses, decimals, noise in LOADS:
            random = Random(f"{protocol} {load}")
            content = b""
            for number in range(FRAMES):
                content += frame_of(protocol, masses[number % len(masses)], decimals=decimals, stable=len(masses) == 1)
                if random.random() < noise:
                    content += random.randbytes(random.randint(1, 6))
            yield Capture(protocol=protocol, load=load, content=content[random.randint(1, 5) :])


NOISES = {
    "nothing": b"",
    "zeros": bytes(3000),
    "ones": b"\xff" * 3000,
    "both": (bytes(40) + b"\xff" * 25) * 40,
    "random": Random(1).randbytes(3000),
    "log": b"[   12.345678] usb 1-1.2: ch341-uart converter now attached to ttyUSB0\r\nATZ\r\nOK\r\nvolts=12.34\r\n"
    * 20,
    "numbers": b"21.5\r\n22.0\r\n1013.25,21.5,60\r\n123456789012\r\n" * 30,
    "gps": b"$GPGGA,123519,0611.038,S,10650.000,E,1,08,0.9,545.4,M,46.9,M,,*47\r\n$GPGSV,2,1,08,01,40,083,46*75\r\n"
    * 20,
    "words": b"Timbangan siap. Berat beras hari ini 25 kg, ayam 12,5 kg!\r\n" * 20,
}
