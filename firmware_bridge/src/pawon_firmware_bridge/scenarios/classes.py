"""The table of signal classes: on which scales, what lies under all of it, what happens, how often.

A new class is a row here; what can happen is in `deeds`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pawon_firmware_bridge.scenarios.deeds import DISTURBANCES, blown, shaken, warmed
from pawon_firmware_bridge.scenarios.stage import Stage
from pawon_firmware_bridge.scenarios.weighing_platform import Force

DAY_S = 86_400.0
DISTURBED_A_DAY = 200
MOVED_A_DAY = 100

SCALES = ((1.0, 6_000.0), (2.0, 15_000.0), (5.0, 30_000.0), (10.0, 60_000.0), (20.0, 60_000.0), (20.0, 150_000.0))
"""Division and capacity of usual kitchen scales (class III, 3,000 to 7,500 divisions)."""

FINE = ((10.0, 100_000.0), (20.0, 150_000.0))
"""On which 0.1 % of 60 kg is no less than three divisions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalClass:
    """One kind of signal.

    Every `every_s` on average one of `disturbances` or, with the chance of `moving`, one of `movements` begins.
    `noise_g`: sigma of a sample as a gateway sees it, before rounding; if it is not given, `noise_divisions`: least and
    most of it in divisions. `load`: share of capacity that lies there at first, or `load_g` itself; `most`: share that
    ever will.
    """

    name: str
    title: str
    disturbances: tuple[str, ...] = ()
    movements: tuple[str, ...] = ("step",)
    moving: float = 1.0
    every_s: float = 60.0
    length_s: float = 900.0
    scales: tuple[tuple[float, float], ...] = SCALES
    noise_g: float | None = None
    noise_divisions: tuple[float, float] = (0.1, 0.5)
    load: tuple[float, float] = (0.1, 0.6)
    load_g: float | None = None
    most: float = 0.9
    background: Callable[[Stage, float, float], tuple[Force, ...]] | None = None
    tells_load: bool = False
    interval_s: tuple[float, float] = (0.1, 0.1)
    dropped: float = 0.0
    doubled: float = 0.0


_ALL = tuple(DISTURBANCES)
_ROWS = (
    SignalClass(name="clean", title="things put on and taken off", noise_divisions=(0.05, 0.2)),
    SignalClass(name="noise-2g", title="noise of 2 g", noise_g=2.0, scales=SCALES[:3]),
    SignalClass(name="noise-20g", title="noise of 20 g", noise_g=20.0, scales=SCALES[2:]),
    SignalClass(name="vibration", title="a mixer on the same floor, 5 to 15 Hz", background=shaken),
    SignalClass(name="wind", title="a ceiling fan", background=blown),
    SignalClass(name="press", title="hands that press and let go", disturbances=("press",), moving=0.3, every_s=40),
    SignalClass(name="lean", title="people who lean and sway", disturbances=("lean",), moving=0.3, every_s=60),
    SignalClass(name="rest", title="hands that lie still, up to 50 s", disturbances=("rest",), moving=0.3, every_s=70),
    SignalClass(
        name="person", title="people who step on", disturbances=("person",), moving=0.3, every_s=100, length_s=1800,
        load=(0.02, 0.3), scales=(*SCALES[3:], (50.0, 150_000.0), (20.0, 150_000.0)),
    ),
    SignalClass(name="drip", title="water that runs in or out slowly", movements=("drip",), every_s=500, length_s=7200),
    SignalClass(name="drift", title="temperature, over hours", background=warmed, every_s=1500, length_s=6 * 3600),
    SignalClass(
        name="unload", title="crates, six of one direction", movements=("unload", "load"), every_s=110, length_s=1800,
    ),
    SignalClass(name="cross", title="put on while another takes off", movements=("cross",), every_s=60),
    SignalClass(
        name="tare-told", title="tare on a scale that says net or gross", disturbances=("tare",),
        movements=("tared", "step"), moving=0.5, every_s=90, length_s=1800, tells_load=True,
    ),
    SignalClass(
        name="tare-untold", title="tare on a scale that says neither", disturbances=("tare",),
        movements=("tared", "step"), moving=0.5, every_s=90, length_s=1800,
    ),
    SignalClass(
        name="zero", title="the zero key with something on the pan", disturbances=("zero",), movements=("lid", "step"),
        moving=0.6, every_s=160, length_s=1800, load=(0.0, 0.015), most=0.035, scales=SCALES[1:],
    ),
    SignalClass(
        name="restart-same", title="power fails, the same load", disturbances=("cut",), moving=0.4, every_s=120,
        length_s=1800,
    ),
    SignalClass(
        name="restart-zeroed", title="power fails, zero with the load on it", disturbances=("cut-zeroed",), moving=0.5,
        every_s=120, length_s=1800, load=(0.02, 0.15), most=0.19,
    ),
    SignalClass(
        name="restart-changed", title="power fails, and the load changes meanwhile", disturbances=("cut",),
        movements=("unseen", "step"), moving=0.8, every_s=120, length_s=1800,
    ),
    SignalClass(
        name="overload", title="too heavy: samples without a number", disturbances=("overload",), moving=0.4,
        every_s=60,
    ),
    SignalClass(
        name="sample-loss", title="dropped, doubled, irregular samples, silences up to 10 s", disturbances=("loss",),
        movements=("step", "step", "hidden"), moving=0.5, every_s=50, interval_s=(0.05, 0.2), dropped=0.1, doubled=0.05,
    ),
    SignalClass(
        name="small-steps", title="steps of 0.1 % on 60 kg", movements=("small",), scales=FINE, load_g=60_000.0,
        noise_divisions=(0.1, 0.3), every_s=75, length_s=1800, most=1.0,
    ),
    SignalClass(
        name="mixed-still", title="200 disturbances a day and no movement", disturbances=_ALL, moving=0.0,
        every_s=DAY_S / DISTURBED_A_DAY, length_s=DAY_S, background=warmed,
    ),
    SignalClass(
        name="mixed", title="200 disturbances and 100 movements a day", disturbances=_ALL,
        movements=("step", "step", "step", "unload", "load", "cross"),
        moving=MOVED_A_DAY / (MOVED_A_DAY + DISTURBED_A_DAY), every_s=DAY_S / (MOVED_A_DAY + DISTURBED_A_DAY),
        length_s=DAY_S, background=warmed,
    ),
)  # fmt: skip

CLASSES: Mapping[str, SignalClass] = {row.name: row for row in _ROWS}
