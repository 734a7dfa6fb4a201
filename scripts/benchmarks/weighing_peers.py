"""The peers of the weighing detector, run by ``weighings`` in an environment of their own (requirements/peers-signals).

They find changes in a stream of numbers and know nothing of scales. What makes movements of changes is the same for all
of them, and as good as we can make it: segments between changes that last 3 s and are calm are plateaus, their medians
levels; two levels make a movement by the rule of the truth itself, whose threshold (with the noise, which our detector
is not told) they are given. A level that returns within 60 s was a hand, 30 kg that leave within 120 s a person, steps
of one direction within 20 s are one. A silence above 5 s or a tare that the scale tells begins anew.

Tuned with ``weighings.py --tune`` on seeds 0..2 of every class: what finds most and invents least (found minus false).
"""

from __future__ import annotations

import json
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice, pairwise

import numpy as np
import ruptures
from river.drift import PageHinkley

from pawon_firmware_bridge.scenarios.signals import Sample, Signal, make
from pawon_firmware_bridge.scenarios.truth import Bar

PLATEAU_S = 3.0
SKIP_S = 1.2  # after a change: bounce and the indicator's averaging
HAND_S, PERSON_S, PERSON_G, MERGE_S, GONE_S = 60.0, 120.0, 30_000.0, 20.0, 5.0
LOOK_EVERY = 10
CHUNK, KEPT_S = 5_000, 3600.0

TUNED: dict[str, dict[str, float]] = {
    "PageHinkley": {"delta": 0.25, "threshold": 10.0},
    "Window": {"width": 30, "pen": 0.3},
    "KernelCPD": {"pen": 3.0},
}
GRID: dict[str, list[dict[str, float]]] = {
    "PageHinkley": [{"delta": d, "threshold": t} for d in (0.1, 0.25, 0.5, 1.0) for t in (3.0, 10.0, 30.0)],
    "Window": [{"width": w, "pen": p} for w in (20, 30, 50) for p in (0.3, 1.0, 3.0, 10.0)],
    "KernelCPD": [{"pen": p} for p in (0.1, 0.3, 1.0, 3.0, 10.0, 30.0)],
}


@dataclass(slots=True)
class Book:
    """From plateaus to movements, the same for every peer."""

    signal: Signal
    told: list[dict[str, object]] = field(default_factory=list)
    settled_g: float | None = None
    left_s: float = 0.0
    candidate_g: float | None = None
    candidate_s: float = 0.0
    seen_s: float = 0.0
    bar: Bar = field(init=False)

    def __post_init__(self) -> None:
        self.bar = self.signal.scale.bar(self.signal.background)

    def forget(self, now: float) -> None:
        if self.candidate_g is not None:
            self._tell(now)
        self.settled_g = self.candidate_g = None

    def plateau(self, begin_s: float, now: float, level_g: float) -> None:
        if self.settled_g is None:
            self.settled_g, self.left_s = level_g, now
            return
        threshold_g = self.bar.threshold_g(self.settled_g)
        if self.candidate_g is not None:
            wait_s = PERSON_S if self.candidate_g - self.settled_g >= PERSON_G else HAND_S
            if abs(level_g - self.settled_g) < threshold_g and begin_s - self.candidate_s < wait_s:
                self.candidate_g, self.left_s = None, now
                return
            if abs(level_g - self.candidate_g) < threshold_g:
                self.seen_s = now
                if now - self.candidate_s >= wait_s:
                    self._tell(now)
                return
            onward = (level_g - self.candidate_g) * (self.candidate_g - self.settled_g) > 0
            if onward and self.seen_s - self.candidate_s < MERGE_S:
                self.candidate_g, self.candidate_s, self.seen_s = level_g, begin_s, now
                return
            self._tell(now)
            threshold_g = self.bar.threshold_g(self.settled_g)
        if abs(level_g - self.settled_g) < threshold_g:
            self.left_s = now
        else:
            self.candidate_g, self.candidate_s, self.seen_s = level_g, begin_s, now

    def _tell(self, now: float) -> None:
        assert self.settled_g is not None
        assert self.candidate_g is not None
        self.told.append({
            "kind": "in" if self.candidate_g > self.settled_g else "out", "told_s": now, "start_s": self.left_s,
            "end_s": self.candidate_s, "net_g": self.candidate_g - self.settled_g,
        })  # fmt: skip
        self.settled_g, self.candidate_g, self.left_s = self.candidate_g, None, self.seen_s


def calm(masses: np.ndarray, signal: Signal) -> bool:
    """Not a hand that sways: the middle half lies within two divisions or what the noise explains."""
    low, high = np.percentile(masses, (25, 75))
    noise_g = signal.scale.bar(signal.background).mean_noise_g * 3  # of a sample, from that of a mean of a second
    return bool(high - low <= max(2 * signal.scale.division_g, 2.5 * noise_g))


def page_hinkley(signal: Signal, tuned: dict[str, float]) -> tuple[list[dict[str, object]], float, int]:
    """As a stream, as our detector gets it."""
    unit_g = signal.scale.bar(signal.background).threshold_g(0.0) / 3
    settings = {"min_instances": 10, "delta": tuned["delta"] * unit_g, "threshold": tuned["threshold"] * unit_g}
    book, cpu_s, count = Book(signal), 0.0, 0
    finder, recent, begin_s, last_s, load = PageHinkley(**settings), deque[tuple[float, float]](), 0.0, 0.0, None
    for chunk in chunks(signal):
        began = time.process_time()
        for now, mass_g, tells in chunk:
            count += 1
            if mass_g is None:
                begin_s = now
                recent.clear()
                last_s = now
                continue
            if now - last_s > GONE_S or tells != load:
                book.forget(now)
                finder, begin_s, load = PageHinkley(**settings), now, tells
                recent.clear()
            last_s = now
            finder.update(mass_g)
            if finder.drift_detected:
                begin_s = now
                recent.clear()
            recent.append((now, mass_g))
            while recent[0][0] < now - PLATEAU_S:
                recent.popleft()
            if count % LOOK_EVERY == 0 and now - begin_s >= PLATEAU_S + SKIP_S:
                masses = np.array([mass for _, mass in recent])
                if calm(masses, signal):
                    book.plateau(max(begin_s, now - PLATEAU_S), now, float(np.median(masses)))
        cpu_s += time.process_time() - began
    return book.told, cpu_s, count


def window(signal: Signal, tuned: dict[str, float]) -> tuple[list[dict[str, object]], float, int]:
    """Offline: the difference of two windows that slide along."""

    def find(masses: np.ndarray, pen: float) -> list[int]:
        width = int(tuned["width"])
        if len(masses) < 2 * width + 10:
            return [len(masses)]
        found: list[int] = ruptures.Window(width=width, model="l2", jump=2).fit(masses).predict(pen=pen)
        return found

    return offline(signal, find, tuned["pen"])


def kernel(signal: Signal, tuned: dict[str, float]) -> tuple[list[dict[str, object]], float, int]:
    """Offline: the best segments there are, by dynamic programming over the whole signal."""

    def find(masses: np.ndarray, pen: float) -> list[int]:
        if len(masses) < 20:
            return [len(masses)]
        found: list[int] = ruptures.KernelCPD(kernel="linear", min_size=5).fit(masses[:, None]).predict(pen=pen)
        return found

    return offline(signal, find, tuned["pen"])


def offline(
    signal: Signal, find: Callable[[np.ndarray, float], list[int]], pen: float
) -> tuple[list[dict[str, object]], float, int]:
    """Change points of every unbroken part of the signal, then movements."""
    samples = kept(signal.row.name, signal.seed, signal.length_s)
    began = time.process_time()
    book = Book(signal)
    threshold_g = book.bar.threshold_g(0.0)
    for part in parts(samples):
        book.forget(part[0].time_s)
        masses = np.array([sample.mass_g for sample in part])
        masses = masses - masses[0]
        # A step of the threshold that rests 3 s is worth about 15 squared thresholds.
        bounds = [0, *find(masses, pen * threshold_g**2)]
        for left, right in pairwise(bounds):
            times = [part[left].time_s, part[right - 1].time_s]
            if times[1] - times[0] < PLATEAU_S:
                continue
            cut = left
            while part[cut].time_s < min(times[0] + SKIP_S, times[1] - PLATEAU_S * 0.7):
                cut += 1
            if calm(masses[cut:right], signal):
                level_g = float(np.median(masses[cut:right])) + float(part[0].mass_g or 0.0)
                book.plateau(times[0], min(times[0] + PLATEAU_S, times[1]), level_g)
                book.plateau(times[0], times[1], level_g)
    book.forget(samples[-1].time_s)
    return book.told, time.process_time() - began, len(samples)


def parts(samples: list[Sample]) -> list[list[Sample]]:
    """What can be looked at as a whole: no long silence in it, one kind of load, only samples with a number."""
    found: list[list[Sample]] = []
    last_s, load = -1e9, None
    for sample in samples:
        if sample.mass_g is not None:
            if sample.time_s - last_s > GONE_S or sample.load != load:
                found.append([])
            load = sample.load
            found[-1].append(sample)
        last_s = sample.time_s
    return found


def chunks(signal: Signal) -> Iterator[list[Sample]]:
    """Samples by the thousand, so that what it costs to make them is not counted."""
    samples = (
        signal.samples() if signal.length_s > KEPT_S else iter(kept(signal.row.name, signal.seed, signal.length_s))
    )
    while chunk := list(islice(samples, CHUNK)):
        yield chunk


@lru_cache(maxsize=1)
def kept(name: str, seed: int, length_s: float) -> list[Sample]:
    """A short signal's samples: every peer gets the same one after the other."""
    return list(make(name, seed, hours=length_s / 3600).samples())


METHODS: dict[str, Callable[[Signal, dict[str, float]], tuple[list[dict[str, object]], float, int]]] = {
    "PageHinkley": page_hinkley,
    "Window": window,
    "KernelCPD": kernel,
}


def main() -> None:
    """Tasks on standard input, a JSON line each; what was told on standard output, in the same order."""
    for line in sys.stdin:
        task = json.loads(line)
        signal = make(task["class"], task["seed"], hours=task["hours"])
        told, cpu_s, count = METHODS[task["method"]](signal, task.get("tuned") or TUNED[task["method"]])
        print(json.dumps({"told": told, "cpu_s": cpu_s, "samples": count}), flush=True)


if __name__ == "__main__":
    main()
