"""How many readings the rules judge in a CPU-second, and what a thousand sensors keep in memory.

Every value changes. A sensor is measured once a minute for ten weeks; one reading in fifty lies beyond its limits,
which costs more than a calm one. The floor does what a kitchen would write by itself: three comparisons, three timers.
"""

from __future__ import annotations

import math
import random
import tracemalloc
from collections.abc import Callable

import msgspec

from pawon_food_safety.point import PointJudge, rules_at
from pawon_food_safety.profile import load_profile

MINUTE = 60_000
READINGS = 100_000
SENSORS = 1_000
Series = list[tuple[int, float, float, float]]
Measure = Callable[[str, str, int, Callable[[], object]], None]


def series(calm: Callable[[int], float], beyond_c: float, count: int = READINGS) -> Series:
    """Time, value and the extremes of the samples between reports."""
    chance = random.Random(20261122)
    rows = []
    for n in range(count):
        value = calm(n) + chance.gauss(0, 0.1) + (beyond_c if n % 50 == 49 else 0.0)
        rows.append((n * MINUTE, value, value - 0.1, value + 0.1))
    return rows


def chiller(n: int) -> float:
    """A compressor that goes on and off."""
    return 2.5 + 0.8 * math.sin(n / 3)


def freezer(n: int) -> float:
    """The same at -20 C, with four defrosts a day to -4 C."""
    return -4.0 if n % 360 < 25 else -20.0 + 0.8 * math.sin(n / 3)


def pan(n: int) -> float:
    """A core that is cooked, taken out, and the next one."""
    return min(82.0, 25.0 + (n % 90) * 1.5) if n % 90 < 60 else 30.0


def rules(measure: Measure) -> None:
    """Readings judged by all rules of a point, of ``ID-MBG``."""
    profile = load_profile("ID-MBG")
    for name, point, measures, rows in (
        ("chiller, product: 3 limits, rate", "chiller", "product", series(chiller, 5.0)),
        ("chiller, air: buffer, 3 limits, rate, door", "chiller", "air", series(chiller, 5.0)),
        ("freezer, air: buffer, defrosts, 3 limits, rate", "freezer", "air", series(freezer, 3.0)),
        ("hot holding, product: 2 limits, rate", "hot-hold", "product", series(lambda n: 68 + math.sin(n), -9.0)),
        ("pans: lethality and 75 C", "cooking", "product", series(pan, 0.0)),
    ):
        wanted = rules_at(profile, point, "temperature_c", measures=measures, door=measures == "air", spikes=True)  # type: ignore[arg-type]  # two literals

        def judge(wanted: object = wanted, rows: Series = rows) -> None:
            see = PointJudge(wanted).see  # type: ignore[arg-type]  # as made above
            for at_ms, value, low, high in rows:
                see(at_ms, value, at_ms + 90_000, low, high)

        measure(name, "readings", READINGS, judge)
    limits = [(row.edge, row.delay_s * 1000) for row in profile.limits_at("chiller", "temperature_c")]

    def floor() -> None:
        since: list[int | None] = [None] * len(limits)
        for at_ms, value, _, _ in rows_of_floor:
            for place, (edge, delay_ms) in enumerate(limits):
                if value <= edge:
                    since[place] = None
                else:
                    began = since[place] = since[place] if since[place] is not None else at_ms
                    if began is not None and at_ms - began >= delay_ms:
                        pass

    rows_of_floor = series(chiller, 5.0)
    measure("floor: three comparisons and timers, no gaps", "readings", READINGS, floor)
    _memory()


def _memory() -> None:
    """What a day leaves behind in a thousand judges, and in the store."""
    profile = load_profile("ID-MBG")
    kinds = [("chiller", "product", chiller, 5.0), ("chiller", "air", chiller, 5.0), ("freezer", "air", freezer, 3.0)]
    days = [series(calm, beyond, 1440) for _, _, calm, beyond in kinds]
    wanted = [
        rules_at(profile, point, "temperature_c", measures=measures, door=measures == "air", spikes=True)  # type: ignore[arg-type]  # two literals
        for point, measures, _, _ in kinds
    ]
    tracemalloc.start()
    judges = [PointJudge(wanted[n % 3]) for n in range(SENSORS)]
    for n, judge in enumerate(judges):
        for at_ms, value, low, high in days[n % 3]:
            judge.see(at_ms, value, at_ms + 90_000, low, high)
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    stored = sum(len(msgspec.json.encode(judge.state())) for judge in judges)
    print(f"  {SENSORS} sensors after a day: {kept / 1e6:.1f} MB in memory, {stored / SENSORS:.0f} B each in the store")
