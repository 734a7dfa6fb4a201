"""From a stream of masses to weighings: differences between stable plateaus.

Stability is computed here (most scales send no flag): the last ``WINDOW_S`` seconds lie within one division. A plateau
counts once it has lasted ``plateau_s``. A weighing is a difference of plateaus of at least
``max(3 divisions, 20 g, 0.1 % of the load)`` (domain: OIML R 76 divisions, kitchen practice); steps of one direction
within ``merge_s`` are one unloading; a load that returns within ``merge_s`` was a touch.

Pure: samples and times come in, ``Weighing`` rows come out. Nothing here ever zeroes or tares.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from pawon_contract.messages import Weighing, WeighingKind

WINDOW_S = 1.5
MIN_SAMPLES = 5
MAX_WINDOW_SAMPLES = 64
MAX_WINDOW_MS = 6_000
MAX_TRACE = 256


@dataclass(slots=True, kw_only=True)
class WeighingDetector:
    """One scale. ``division_g``: the scale's division. ``last_stable_g``: the last stable value before a restart."""

    sensor: str
    division_g: float
    plateau_s: float = 3.0
    merge_s: float = 20.0
    last_stable_g: int | None = None
    _window: deque[tuple[int, float]] = field(default_factory=deque)
    _trace: list[tuple[int, float]] = field(default_factory=list)
    _load: str | None = None
    _tared: bool = False
    _stride: int = 1
    _skipped: int = 0
    _stable_since_ms: int | None = None
    _settled_g: int | None = None  # the plateau that the book knows
    _left_ms: int | None = None  # when that plateau was left
    _candidate_g: int | None = None  # a newer plateau, waiting whether more follows
    _candidate_ms: int = 0
    _candidate_seen_ms: int = 0  # when it was last seen: the next movement starts there
    _candidate_noise_g: float = 0.0

    def take(
        self, at_ms: int, mass_g: float, *, device_stable: bool | None = None, load: str | None = None
    ) -> list[Weighing]:
        """Feed one sample; the weighings that are now certain. ``load``: gross or net, as far as the scale says."""
        if load != self._load:
            out = self._changed_load(load)
            if out:
                return out
        self._window.append((at_ms, mass_g))
        while self._too_old(at_ms):
            self._window.popleft()
        self._keep_trace(at_ms, mass_g)
        masses = [mass for _, mass in self._window]
        spread = max(masses) - min(masses)
        stable = (
            len(masses) >= MIN_SAMPLES
            and at_ms - self._window[0][0] >= WINDOW_S * 1000 * 0.8
            and spread <= self.division_g * 1.001
            and device_stable is not False
        )
        if not stable:
            self._stable_since_ms = None
            # Handling between two steps of one unloading must not let the merge time run out unseen.
            return self._leave(mass_g, at_ms)
        if self._stable_since_ms is None:
            self._stable_since_ms = self._window[0][0]
        if at_ms - self._stable_since_ms < self.plateau_s * 1000:
            return []
        level = round(sorted(masses)[len(masses) // 2] / self.division_g) * self.division_g
        return self._plateau(round(level), at_ms, spread)

    def lose_sight(self) -> list[Weighing]:
        """The scale is gone for a while: what was about to be told is told, and the next plateau was reached unseen."""
        out = self._settle() if self._settled_g is not None and self._candidate_g is not None else []
        if self._settled_g is not None:
            self.forget_plateau(self._settled_g)
        return out

    def forget_plateau(self, last_stable_g: int) -> None:
        """Begin anew from a load that is known from before."""
        self.last_stable_g, self._settled_g, self._tared = last_stable_g, None, False
        self._candidate_g = self._stable_since_ms = self._left_ms = None
        self._window.clear()
        self._clear_trace()

    @property
    def stable_g(self) -> int | None:
        """The newest plateau the book knows, to be kept across a restart."""
        return self._settled_g

    def _threshold(self, load_g: float) -> float:
        return max(3 * self.division_g, 20.0, 0.001 * abs(load_g))

    def _too_old(self, at_ms: int) -> bool:
        """A scale that is asked once a second needs a longer window for as many samples, but not for ever."""
        age_ms, count = at_ms - self._window[0][0], len(self._window)
        return (
            count > MAX_WINDOW_SAMPLES or age_ms > MAX_WINDOW_MS or (age_ms > WINDOW_S * 1000 and count > MIN_SAMPLES)
        )

    def _changed_load(self, load: str | None) -> list[Weighing]:
        """Somebody pressed tare: the next plateau measures something else, and no stock moved."""
        known, self._load = self._load, load
        if known is None or self._settled_g is None:
            return []
        out = self._settle() if self._candidate_g is not None else []
        self.last_stable_g, self._settled_g, self._tared = self._settled_g, None, True
        self._stable_since_ms = None
        self._window.clear()
        return out

    def _leave(self, mass_g: float, at_ms: int) -> list[Weighing]:
        if self._settled_g is not None and self._left_ms is None and abs(mass_g - self._settled_g) > self.division_g:
            self._left_ms = at_ms
        return []

    def _plateau(self, level_g: int, at_ms: int, noise_g: float) -> list[Weighing]:
        if self._settled_g is None:
            return self._first_plateau(level_g, at_ms, noise_g)
        if abs(level_g - self._settled_g) < self._threshold(self._settled_g):
            return self._returned(level_g, at_ms, noise_g)
        if self._candidate_g is None or abs(level_g - self._candidate_g) >= self._threshold(self._candidate_g):
            turned = (
                self._candidate_g is not None
                and (level_g - self._candidate_g) * (self._candidate_g - self._settled_g) < 0
            )
            out: list[Weighing] = []
            if turned:
                left_ms = self._candidate_seen_ms
                out = self._settle()
                self._left_ms = left_ms
            self._candidate_g, self._candidate_ms, self._candidate_noise_g = level_g, at_ms, noise_g
            self._candidate_seen_ms = at_ms
            if self._left_ms is None:
                self._left_ms = at_ms  # it crept here without ever being unstable
            return out
        self._candidate_seen_ms = at_ms
        return self._settle() if at_ms - self._candidate_ms >= self.merge_s * 1000 else []

    def _first_plateau(self, level_g: int, at_ms: int, noise_g: float) -> list[Weighing]:
        before, self.last_stable_g = self.last_stable_g, None
        tared, self._tared = self._tared, False
        self._settled_g = level_g
        self._left_ms = None
        known = 0 if before is None else before
        if abs(level_g - known) < self._threshold(known):
            # The known level stays: a slow withdrawal must not be eaten by restarts either.
            self._settled_g = level_g if before is None or tared else before
            self._clear_trace()
            return []
        # Nobody watched while the load changed: recorded, but never taken for granted.
        start = self._stable_since_ms if self._stable_since_ms is not None else at_ms
        kind: WeighingKind = "first" if before is None else "tare" if tared else "restart"
        row = self._row(kind, known, level_g, start, at_ms, noise_g, confidence=0.3)
        self._clear_trace()
        return [row]

    def _returned(self, level_g: int, at_ms: int, noise_g: float) -> list[Weighing]:
        out: list[Weighing] = []
        if self._candidate_g is not None and self._settled_g is not None:
            start = self._left_ms if self._left_ms is not None else self._candidate_ms
            out.append(self._row("touch", self._settled_g, level_g, start, at_ms, noise_g, confidence=0.9))
        # The settled level itself stays: following small differences would eat a slow withdrawal.
        self._candidate_g, self._left_ms = None, None
        self._clear_trace()
        return out

    def _settle(self) -> list[Weighing]:
        before, after = self._settled_g, self._candidate_g
        assert before is not None
        assert after is not None
        kind: WeighingKind = "in" if after > before else "out"
        start = self._left_ms if self._left_ms is not None else self._candidate_ms
        confidence = 0.95 if self._candidate_noise_g <= self.division_g / 2 else 0.8
        row = self._row(kind, before, after, start, self._candidate_ms, self._candidate_noise_g, confidence)
        self._settled_g = after
        self._candidate_g, self._left_ms = None, None
        self._clear_trace()
        return [row]

    def _row(
        self, kind: WeighingKind, before_g: int, after_g: int, start_ms: int, end_ms: int, noise_g: float,
        confidence: float,
    ) -> Weighing:  # fmt: skip
        trace = [(at - start_ms, round(mass, 1)) for at, mass in self._trace]
        return Weighing(
            at_ms=end_ms, sensor=self.sensor, kind=kind, before_g=before_g, after_g=after_g,
            start_ms=start_ms, end_ms=end_ms, stable_s=self.plateau_s, noise_g=round(noise_g, 1),
            confidence=confidence, division_g=self.division_g, trace=trace,
        )  # fmt: skip

    def _keep_trace(self, at_ms: int, mass_g: float) -> None:
        """The raw samples around the event, thinned by halves when it lasts long; before it, the newest window only."""
        self._skipped += 1
        if self._skipped < self._stride:
            return
        self._skipped = 0
        self._trace.append((at_ms, mass_g))
        quiet = self._left_ms is None and self._candidate_g is None
        if quiet and len(self._trace) > MIN_SAMPLES * 2:
            del self._trace[0]
        elif len(self._trace) >= MAX_TRACE:
            self._trace = self._trace[::2]
            self._stride *= 2

    def _clear_trace(self) -> None:
        self._trace, self._stride, self._skipped = self._trace[-MIN_SAMPLES:], 1, 0
