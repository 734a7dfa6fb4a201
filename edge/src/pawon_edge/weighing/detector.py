"""The weighing detector of one scale: samples in, rows out. Keeps the clock, sees holes, fills blocks of half a second.

What the blocks mean is ``judge``'s: stands are kept in a stack; the first is what the book knows, the others wait. What
returns to an earlier stand within ``touch_s`` was a touch, and everything above that stand is forgotten; steps of one
direction within ``merge_s`` are one movement; a movement is told when nothing can undo it any more. Nothing invented
goes before quick, and nothing is lost: the rows form one chain in which each begins where the one before ended, but for
the drift that the row names. See docs/decisions/0019.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from pawon_contract.messages import Weighing

from .judge import NEVER_MS, Judge
from .plateau import BLOCK_MS, Block

# After so long without a sample nobody can say that he saw a change (a gateway's usual ``fault_after_s``).
UNSEEN_MS = 5_000
# Of a scale that is asked seldom, so many answers.
GAP_INTERVALS = 6
# Below this two samples are one that was doubled on its way; no indicator is faster.
SAME_MS = 40
# A clock that was set back is believed after so many samples; single ones came late.
BACKWARDS = 5
# Above every scale; a wild number must not spoil sums for ever.
MOST_G = 1e9


@dataclass(slots=True, kw_only=True)
class WeighingDetector:
    """One scale. ``division_g``: the scale's division. ``last_stable_g``: the last stable value before a restart.

    ``plateau_s``: a load must rest so long to be a weight. ``merge_s``: steps of one direction within this time are
    one movement. ``touch_s``: what leaves again within this time was a touch; empty: three times ``merge_s``. A
    movement is told ``touch_s`` after its last step.
    """

    sensor: str
    division_g: float
    plateau_s: float = 3.0
    merge_s: float = 20.0
    touch_s: float | None = None
    last_stable_g: int | None = None
    _judge: Judge = field(init=False)
    _load: str | None = None
    _tare_g: float | None = None
    _at_ms: int = 0
    _mass_g: float = 0.0
    _backwards: int = 0
    _start_ms: int = 0  # the block that is being filled
    _first_g: float = 0.0
    _count: int = 0
    _sum: float = 0.0
    _squares: float = 0.0
    _moving: bool = False

    def __post_init__(self) -> None:
        self._judge = Judge(
            sensor=self.sensor, division_g=self.division_g, plateau_s=self.plateau_s, merge_s=self.merge_s,
            touch_s=3 * self.merge_s if self.touch_s is None else self.touch_s, last_g=self.last_stable_g,
        )  # fmt: skip

    def take(
        self, at_ms: int, mass_g: float | None, *, device_stable: bool | None = None, load: str | None = None,
        tare_g: float | None = None,
    ) -> list[Weighing]:  # fmt: skip
        """Feed one sample; the weighings that are now certain. ``mass_g`` None (or no finite number): the scale answers
        without one, as when overloaded. ``load``, ``tare_g``: gross or net and the tare, as far as the scale says.

        Samples that are not later than the one before are ignored; nothing is ever raised.
        """
        judge = self._judge
        heard_ms, usual_ms = judge.heard_ms, judge.usual_ms
        spacing_ms = at_ms - heard_ms
        out: list[Weighing] = []
        if spacing_ms < SAME_MS:
            if not self._set_back(spacing_ms):
                return []
            out = self.lose_sight()
        elif spacing_ms > max(UNSEEN_MS + 2 * usual_ms, GAP_INTERVALS * usual_ms) and heard_ms != NEVER_MS:
            out = self.lose_sight()
        judge.heard_ms, self._backwards = at_ms, 0
        if mass_g is None or not -MOST_G < mass_g < MOST_G:
            self._no_block()
            judge.no_number()
            return out
        if load != self._load or tare_g != self._tare_g:
            self._said(load, tare_g, mass_g - self._mass_g if spacing_ms <= 1_000 else None)
        off = mass_g - self._mass_g
        if off > judge.step_g or off < -judge.step_g:
            if judge.jumped(at_ms, at_ms - self._at_ms, self._mass_g, mass_g):
                self._no_block()  # what lies before a jump and what lies after it share no mean
        elif judge.jumps.watching:
            judge.jumps.settles(mass_g, judge.measure.chance_g())
        judge.trace.keep(at_ms, mass_g)
        if at_ms - self._start_ms >= BLOCK_MS and self._count:
            out += self._close(at_ms)
        if not self._count:
            self._start_ms, self._first_g = at_ms, mass_g
        off = mass_g - self._first_g
        self._count += 1
        self._sum += off
        self._squares += off * off
        if device_stable is False:
            self._moving = True
        self._at_ms, self._mass_g = at_ms, mass_g
        return out

    def finish(self) -> list[Weighing]:
        """The recording ends: what waits is told as far as it is certain enough."""
        out = self._close(self._at_ms + round(self._judge.usual_ms)) if self._count > 1 else []
        return out + self._judge.end()

    def lose_sight(self) -> list[Weighing]:
        """The scale is gone for a while: what was about to be told is told, and the next plateau was reached unseen."""
        out = self.finish() if self._judge.stands else []
        self._no_block()
        self._judge.lose_sight()
        self.last_stable_g = self._judge.opening.last_g
        return out

    def forget_plateau(self, last_stable_g: int) -> None:
        """Begin anew from a load that is known from before."""
        self._no_block()
        self._judge.expect(last_stable_g)
        self.last_stable_g = last_stable_g

    @property
    def stable_g(self) -> int | None:
        """The newest plateau the book knows, drift followed, to be kept across a restart."""
        return self._judge.stable_g

    def _set_back(self, spacing_ms: int) -> bool:
        """Whether the clock went back for good; a late or doubled sample is none of that."""
        if spacing_ms > -SAME_MS:
            return False
        self._backwards += 1
        return self._backwards >= BACKWARDS

    def _no_block(self) -> None:
        self._count, self._sum, self._squares, self._moving = 0, 0.0, 0.0, False

    def _said(self, load: str | None, tare_g: float | None, by_g: float | None = None) -> None:
        """The scale counts from elsewhere from now on: the next plateau is the same load."""
        known = self._load is not None or self._tare_g is not None
        self._load, self._tare_g = load, tare_g
        self._judge.teller.load, self._judge.teller.tare_g = load, tare_g
        if known:
            self._no_block()
            self._judge.counts_elsewhere(by_g)

    def _close(self, at_ms: int) -> list[Weighing]:
        judge, count = self._judge, self._count
        mean_off = self._sum / count
        squares = self._squares - self._sum * mean_off
        end_ms = at_ms
        span_ms = at_ms - self._start_ms
        judge.usual_ms += (min(span_ms / count, 4 * judge.usual_ms) - judge.usual_ms) / 16
        if span_ms > BLOCK_MS + 3 * judge.usual_ms:
            # A hole: what was seen counts, and nothing is known of the time after it.
            end_ms = self._at_ms + round(judge.usual_ms)
        block = Block(self._start_ms, end_ms, count, self._first_g + mean_off, max(0.0, squares), self._moving)
        self._no_block()
        out = judge.take(block)
        if end_ms != at_ms and at_ms - end_ms > BLOCK_MS + 3 * judge.usual_ms:
            judge.blocks.clear()
        return out
