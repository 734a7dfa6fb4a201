"""What a change from one plateau to another was: a movement of stock, a hand, a person, a key, a restart, drift.

Stands are kept in a stack: the first is what the book knows, the others wait. What returns to an earlier stand within
``touch_s`` was a touch, and everything above that stand is forgotten; steps of one direction within ``merge_s`` are one
movement; a movement is told when nothing can undo it any more. Nothing invented goes before quick, and nothing is
lost: the rows form one chain in which each begins where the one before ended, but for the drift that the row names.
See docs/decisions/0019.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from pawon_contract.messages import Weighing, WeighingKind

from .jump import SIGMAS, SLOWEST_MS, Jumps
from .noise import BLOCK_SHAKES_MORE, Noise
from .plateau import BLOCK_MS, LONGEST_BLOCKS, Block, Blocks, Stretch
from .stand import Stand
from .trace import Trace

# Domain: three divisions, 20 g, a thousandth of the load.
LEAST_DIVISIONS = 3.0
LEAST_G = 20.0
LEAST_SHARE = 0.001
# Domain: a load of at least so much that sways and leaves within 120 s was a person.
PERSON_G = 30_000.0
# Nobody leans so long; a load that still sways then (a mixer that was switched on with it) is a load.
DOUBT_MS = 300_000
# After so long without a sample nobody can say that he saw a change (a gateway's usual ``fault_after_s``).
UNSEEN_MS = 5_000
# Of a scale that is asked seldom, so many answers.
GAP_INTERVALS = 6
# Before the first sample.
NEVER_MS = -(2**60)
# Below this two samples are one that was doubled on its way; no indicator is faster.
SAME_MS = 40
# A clock that was set back is believed after so many samples; single ones came late.
BACKWARDS = 5
# Domain: a touch returns within two divisions; but what came must have gone again, not only most of it.
RETURN_DIVISIONS = 2.0
RETURN_SHARE = 0.1
# Or within what the two means may differ by chance: 1 in 16,000 does more.
RETURN_SIGMAS = 4.0
# A load rests a second longer than plateau_s to be told of; the settling before it belongs to the handling.
SETTLE_MS = 1_000
# Back on its plateau after handling: two seconds within its noise.
BACK_BLOCKS = 4
# A block is on the plateau within so many sigma: 1 in 400 falls out, which costs a closer look.
NEAR_SIGMAS = 3.0
# Or within a division and what its rounding adds; no fraction that a mean of a few rounded samples has, for then the
# last bit would decide.
NEAR_DIVISIONS = 1.23
HALF = 0.487
# Noise is learned from means two seconds apart: slow enough for wind, quick enough not to see what flows.
DIFFERENCE_BLOCKS = 4
# The mean of three seconds, as the detector keeps it, strays by 0.3 sigma of a block: four of those.
ASTRAY_SIGMAS = 1.2
# At the end of a recording a step counts when it rested so long (the least rest that is promised to be enough).
REST_MS = 5_000
# Stands that wait, at most: two minutes of one every four seconds.
MAX_STANDS = 32
# Keys that nobody cleared; a zero and some tares are usual, and more count together.
MAX_KEYS = 4
# An addition of at least three times what was left, to a stock that was being emptied, is a refill.
REFILL_TIMES = 3.0
# What flows for longer is told in pieces.
FLOW_MS = 300_000
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
    _noise: Noise = field(init=False)
    _blocks: Blocks = field(init=False)
    _trace: Trace = field(init=False)
    _jumps: Jumps = field(default_factory=Jumps)
    _stands: list[Stand] = field(default_factory=list)
    _book_g: int = 0  # the end of the chain: after_g of the newest row
    _doubt: Stand | None = None  # a load that sways
    _unseen: WeighingKind = "restart"  # why the first stand may be another than the last known
    _judged_ms: int | None = None  # since when that one drifts
    _key: bool = False  # the scale said that it counts from elsewhere now
    _keyed: list[float] = field(default_factory=list)  # what keys took off what is shown, and nobody cleared
    _load: str | None = None
    _tare_g: float | None = None
    _zero_g: float | None = None
    _zero_at_ms: int | None = None
    _emptying: bool = False  # the last movement was an ``out``
    _at_ms: int = 0
    _mass_g: float = 0.0
    _heard_ms: int = NEVER_MS  # the newest sample, also one without a number
    _usual_ms: float = 100.0
    _backwards: int = 0
    _step_g: float = LEAST_G
    _start_ms: int = 0  # the block that is being filled
    _first_g: float = 0.0
    _count: int = 0
    _sum: float = 0.0
    _squares: float = 0.0
    _moving: bool = False
    _within: int = 0  # blocks in a row on the newest stand
    _away: bool = False  # the newest stand was left, and nothing else stands yet
    _peak_g: float = 0.0
    _swayed: bool = False
    _shaken: bool = False  # since the newest stand was left, something was not as quiet as the scale by itself
    _touch_ms: int = 0
    _merge_ms: int = 0

    def __post_init__(self) -> None:
        self._noise = Noise(self.division_g)
        self._blocks = Blocks(round(self.plateau_s * 1000))
        self._trace = Trace(self.division_g)
        touch_s = 3 * self.merge_s if self.touch_s is None else self.touch_s
        self._touch_ms, self._merge_ms = round(touch_s * 1000), round(self.merge_s * 1000)
        self._step_g = self._least(0.0)

    # --- samples ----------------------------------------------------------------------------------------------------

    def take(
        self, at_ms: int, mass_g: float | None, *, device_stable: bool | None = None, load: str | None = None,
        tare_g: float | None = None,
    ) -> list[Weighing]:  # fmt: skip
        """Feed one sample; the weighings that are now certain. ``mass_g`` None (or no finite number): the scale answers
        without one, as when overloaded. ``load``, ``tare_g``: gross or net and the tare, as far as the scale says.

        Samples that are not later than the one before are ignored; nothing is ever raised.
        """
        spacing_ms = at_ms - self._heard_ms
        out: list[Weighing] = []
        if spacing_ms < SAME_MS:
            if not self._set_back(spacing_ms):
                return []
            out = self.lose_sight()
        elif (
            spacing_ms > max(UNSEEN_MS + 2 * self._usual_ms, GAP_INTERVALS * self._usual_ms)
            and self._heard_ms != NEVER_MS
        ):
            out = self.lose_sight()
        self._heard_ms, self._backwards = at_ms, 0
        if mass_g is None or not -MOST_G < mass_g < MOST_G:
            self._no_number()
            return out
        if load != self._load or tare_g != self._tare_g:
            self._said(load, tare_g)
        off = mass_g - self._mass_g
        if off > self._step_g or off < -self._step_g:
            self._jumped(at_ms, mass_g)
        elif self._jumps.watching and self._jumps.strays(mass_g, self._chance_g()):
            self._jumps.shaken()
        self._trace.keep(at_ms, mass_g)
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
        out = self._close(self._at_ms + round(self._usual_ms)) if self._count > 1 else []
        self._drop_short()
        return out + self._tell_due(self._heard_ms, at_once=True)

    def lose_sight(self) -> list[Weighing]:
        """The scale is gone for a while: what was about to be told is told, and the next plateau was reached unseen."""
        out = self.finish() if self._stands else []
        if self._stands:
            self._book_g = self.stable_g or 0
            self.last_stable_g, self._unseen = self._book_g, "restart"
            self._judged_ms = self._stands[0].judged_ms
        self._begin_anew()
        return out

    def forget_plateau(self, last_stable_g: int) -> None:
        """Begin anew from a load that is known from before."""
        self.last_stable_g, self._unseen, self._judged_ms = last_stable_g, "restart", None
        self._begin_anew()

    @property
    def stable_g(self) -> int | None:
        """The newest plateau the book knows, drift followed, to be kept across a restart."""
        return self._shown(self._stands[0].anchor) if self._stands else None

    def _begin_anew(self) -> None:
        self._stands.clear()
        self._doubt, self._away, self._key = None, False, False
        self._keyed.clear()
        self._no_block()
        self._jumps.shaken()

    def _set_back(self, spacing_ms: int) -> bool:
        """Whether the clock went back for good; a late or doubled sample is none of that."""
        if spacing_ms > -SAME_MS:
            return False
        self._backwards += 1
        return self._backwards >= BACKWARDS

    def _no_number(self) -> None:
        self._no_block()
        self._jumps.shaken()
        if self._stands and not self._away:
            self._leave()
        self._peak_g = math.inf
        self._swayed, self._shaken = False, True

    def _no_block(self) -> None:
        self._count, self._sum, self._squares, self._moving = 0, 0.0, 0.0, False
        self._blocks.clear()
        self._within = 0

    def _said(self, load: str | None, tare_g: float | None) -> None:
        """The scale counts from elsewhere from now on: the next plateau is the same load."""
        known = self._load is not None or self._tare_g is not None
        self._load, self._tare_g = load, tare_g
        if not known:
            return
        self._no_block()
        if self._stands:
            self._key = True
        elif self.last_stable_g is not None:
            self._unseen = "tare"

    def _jumped(self, at_ms: int, mass_g: float) -> None:
        stands = self._stands
        handled = self._away and (self._shaken or self._peak_g > self._step_g)
        quiet = bool(stands) and not handled and not self._jumps.watching
        if quiet:
            quiet = abs(self._mass_g - stands[-1].level) <= self._chance_g()
        self._jumps.moved(at_ms, at_ms - self._at_ms, mass_g, from_quiet=quiet, usual_ms=self._usual_ms)
        # What lies before a jump and what lies after it share no mean.
        if quiet:
            self._count, self._sum, self._squares, self._moving = 0, 0.0, 0.0, False

    # --- blocks -----------------------------------------------------------------------------------------------------

    def _close(self, at_ms: int) -> list[Weighing]:
        count = self._count
        mean_off = self._sum / count
        squares = self._squares - self._sum * mean_off
        end_ms = at_ms
        span_ms = at_ms - self._start_ms
        self._usual_ms += (min(span_ms / count, 4 * self._usual_ms) - self._usual_ms) / 16
        if span_ms > BLOCK_MS + 3 * self._usual_ms:
            # A hole: what was seen counts, and nothing is known of the time after it.
            end_ms = self._at_ms + round(self._usual_ms)
        block = Block(self._start_ms, end_ms, count, self._first_g + mean_off, max(0.0, squares), self._moving)
        self._count, self._sum, self._squares, self._moving = 0, 0.0, 0.0, False
        out = self._block(block)
        if end_ms != at_ms and at_ms - end_ms > BLOCK_MS + 3 * self._usual_ms:
            self._blocks.clear()
        return out

    def _block(self, block: Block) -> list[Weighing]:
        self._blocks.add(block)
        noise = self._noise
        if not self._stands:
            return self._look_for_first()
        top = self._stands[-1]
        off = block.mean - top.level
        near = max(NEAR_SIGMAS * math.sqrt(noise.blocks), NEAR_DIVISIONS * self.division_g)
        quiet = block.squares <= BLOCK_SHAKES_MORE * noise.samples * block.count and not block.moving
        if -near <= off <= near and quiet and not self._key:
            self._within += 1
            if not self._away:
                return self._on_stand(top, block)
            return self._back(len(self._stands) - 1, block.end_ms) if self._within >= BACK_BLOCKS else []
        self._within = 0
        if not self._away:
            self._leave()
        self._shaken = self._shaken or not quiet
        top_off = abs(off)
        self._peak_g = max(self._peak_g, top_off) if self._peak_g < math.inf else top_off
        found = self._blocks.newest()
        if found is not None and top.left_ms is not None and found.start_ms >= top.left_ms:
            if found.calm(noise, self.division_g):
                return self._calm(found)
            self._rough()
        return self._tell_due(block.end_ms)

    def _on_stand(self, top: Stand, block: Block) -> list[Weighing]:
        noise = self._noise
        top.follow(block.mean, block.end_ms, max(self.division_g, ASTRAY_SIGMAS * math.sqrt(noise.blocks)))
        if self._within > DIFFERENCE_BLOCKS:
            noise.learn(self._blocks.since(DIFFERENCE_BLOCKS), block.squares, block.count)
        if top.rested and len(self._stands) > 1:
            top.anchor = top.rest_g  # not told yet: what flows on counts from where it rested
        crept = abs(top.level - top.anchor)
        if crept >= self._step_g or abs(top.level - top.rest_g) >= self._step_g:
            return self._crept(top)
        if crept <= self._step_g / 4:
            top.near_ms = block.end_ms
        if self._within % 8 == 0:
            self._step_g = self._needed(top.level)
        if self._within % 128 == 0:
            top.settle_drift(self.division_g)
            self._trace.quiet_g = max(self.division_g, 3 * self._noise.sample_g)
            if len(self._stands) == 1:
                self._trace.forget_before(block.start_ms)
                self._see_empty(top)
        return self._tell_due(block.end_ms) if len(self._stands) > 1 else []

    def _look_for_first(self) -> list[Weighing]:
        found, noise = self._blocks.newest(), self._noise
        if found is None or not self._calm_at_first(found):
            found = self._blocks.rough(self.division_g)
            if found is None or found.blocks < LONGEST_BLOCKS:
                return []
            noise.known = False
        if not noise.known:
            noise.set(found.between, found.within)
        return self._first(found)

    def _calm_at_first(self, found: Stretch) -> bool:
        if self._noise.known:
            return found.calm(self._noise, self.division_g)
        return not found.moving and found.even(self.division_g)

    def _rough(self) -> None:
        """It does not stand as it does by itself: does it at least go nowhere?"""
        found, top = self._blocks.rough(self.division_g), self._stands[-1]
        if found is None or top.left_ms is None or found.start_ms < top.left_ms:
            return
        if abs(found.mean - top.level) < max(self._needed(top.level), 2 * found.error_g) and not found.moving:
            # The load is the same, the floor shakes: from now on this is what the scale does by itself.
            self._noise.set(found.between, found.within)
            self._step_g = self._needed(top.level)
            return
        self._swayed = True
        doubt = self._doubt
        if doubt is None or abs(found.mean - doubt.level) > max(self._step_g, 4 * found.error_g):
            self._doubt = Stand(found, calm=False)
        elif found.end_ms - doubt.start_ms >= DOUBT_MS:
            self._noise.set(found.between, found.within)
            doubt.level, doubt.seen_ms = found.mean, found.end_ms
            self._push(doubt)

    def _calm(self, found: Stretch) -> list[Weighing]:
        """A plateau: which of the known ones, or a new one?"""
        self._doubt = None
        stands = self._stands
        if self._key:
            self._key = False
            return self._counts_anew("tare", found)
        clean = self._jumps.clean_since(found.start_ms)
        if clean and abs(found.mean - stands[-1].level) >= self._step_g and (kind := self._key_kind(found)) is not None:
            return self._counts_anew(kind, found)
        self._drop_short()
        number = self._earlier(found)
        if number is not None:
            return self._back(number, found.end_ms, found)
        if self._usual_ms <= SLOWEST_MS:
            self._jumps.load_came(clean)
        top = stands[-1]
        # A hand shakes and is quick; what flows is quiet all the way, and slow, or most of it came before it was seen.
        slow = found.start_ms - (top.left_ms or top.seen_ms) >= REST_MS
        flowed = not self._shaken and (slow or abs(found.mean - top.level) < self._step_g)
        self._push(Stand(found, flowed=flowed))
        return self._tell_due(found.end_ms)

    def _earlier(self, found: Stretch) -> int | None:
        """The stand that a load which was handled came back to."""
        stands = self._stands
        top = stands[-1]
        if max(abs(found.mean - top.anchor), abs(found.mean - top.rest_g)) < self._needed(top.level):
            return len(stands) - 1
        leaving_ms = found.start_ms if top.left_ms is None else top.left_ms
        for number in range(len(stands) - 2, -1, -1):
            stand, above = stands[number], stands[number + 1]
            if leaving_ms - above.start_ms > self._touch_ms or (above.flowed and above.rested):
                return None  # too late for a hand, or a load that flowed and came to rest, which no hand is
            error = RETURN_SIGMAS * math.sqrt(self._noise.blocks * (1 / stand.count + 1 / found.blocks))
            near = 0.5 * self.division_g + error
            if not self._passed(number):
                near = max(near, min(RETURN_DIVISIONS * self.division_g, RETURN_SHARE * abs(top.level - stand.level)))
            if abs(found.mean - stand.level) <= near:
                return number
        return None

    def _key_kind(self, found: Stretch) -> WeighingKind | None:
        """A clean jump to 0, below 0, or back by what a key took off before: nobody moves a load like that."""
        top = self._stands[-1]
        # A key takes what is felt at that moment for zero, noise included: what is fast, and what is slower than a block.
        zero = max(self.division_g, SIGMAS * math.sqrt(self._noise.samples + self._noise.blocks))
        to_zero = abs(found.mean) <= zero
        if self._jumps.unseen:
            return "restart" if to_zero else None
        if not self._jumps.believed:
            return None
        cleared = self._cleared(found.mean - top.level, 2 * zero) is not None
        below = found.mean < -zero and top.level > -zero
        return "tare" if to_zero or cleared or below else None

    def _cleared(self, by_g: float, near_g: float) -> slice | None:
        """Which of the keys were taken back: the newest ones together, or a single one before them (zero, then tare)."""
        keyed, total = self._keyed, 0.0
        for number in range(len(keyed) - 1, -1, -1):
            total += keyed[number]
            if abs(by_g - total) <= near_g:
                return slice(number, None)
        return next((slice(n, n + 1) for n, one in enumerate(keyed) if abs(by_g - one) <= near_g), None)

    # --- stands -----------------------------------------------------------------------------------------------------

    def _leave(self) -> None:
        top = self._stands[-1]
        top.left_ms = top.seen_ms
        self._away, self._peak_g, self._swayed, self._shaken = True, 0.0, False, False

    def _push(self, stand: Stand) -> None:
        self._drop_short()
        self._jumps.shaken()  # the jump that led here is judged: the next one begins on a quiet plateau again
        top = self._stands[-1]
        top.left_for(stand, self._needed(top.level))
        self._stands.append(stand)
        self._away, self._doubt, self._within = False, None, 1
        self._step_g = self._needed(stand.level)
        self._trace.quiet_g = max(self.division_g, 3 * self._noise.sample_g)

    def _drop_short(self) -> None:
        """What did not rest long enough between two steps was a part of the handling."""
        least_ms = self.plateau_s * 1000 + SETTLE_MS
        while len(self._stands) > 1 and self._stands[-1].rested_ms(self._heard_ms) < least_ms:
            del self._stands[-1]
        self._fold(len(self._stands) - 1)

    def _fold(self, number: int) -> bool:
        """A stand that crept back to where the one before it was is that one."""
        if number < 1:
            return False
        before, stand = self._stands[number - 1 : number + 1]
        needed = self._needed(before.level)
        if abs(stand.level - before.level) >= needed or (stand.rested and abs(stand.rest_g - before.level) >= needed):
            return False
        before.left_ms, before.seen_ms = stand.left_ms, stand.seen_ms
        before.level, before.count = stand.level, stand.count
        del self._stands[number]
        return True

    def _crept(self, top: Stand) -> list[Weighing]:
        """It flowed: more than drift, without a step that could be seen. A flow is one movement while it lasts."""
        stands = self._stands
        lasts = len(stands) > 1 and top.seen_ms - top.start_ms < FLOW_MS and not top.rested
        if lasts and (top.level > top.anchor) == (top.anchor > stands[-2].anchor):
            top.believe()
            top.near_ms = top.seen_ms
            return self._tell_due(top.seen_ms)
        found = self._blocks.newest()
        if found is None:
            return []
        self._push(Stand(found, flowed=True))
        return self._tell_due(found.end_ms)

    def _passed(self, number: int) -> bool:
        """Whether that stand was only one of several steps of one direction: then what comes back may be a crate."""
        stands = self._stands
        if number == 0 or stands[number].rested_ms(self._heard_ms) + SETTLE_MS >= self._merge_ms:
            return False
        before, stand, after = stands[number - 1 : number + 2]
        return (stand.anchor > before.anchor) == (after.anchor > stand.anchor)

    def _back(self, number: int, end_ms: int, found: Stretch | None = None) -> list[Weighing]:
        """The load is where it was (``found``: or a little beside): nobody moved stock, whatever lay there then."""
        stands = self._stands
        stand = stands[number]
        back_ms = end_ms - BACK_BLOCKS * BLOCK_MS if found is None else found.start_ms
        left_ms = stand.left_ms if stand.left_ms is not None else back_ms
        peak = self._peak_g
        if number < len(stands) - 1:
            peak = max([peak] + [abs(one.level - stand.level) for one in stands[number + 1 :]])
        out: list[Weighing] = []
        away_ms = back_ms - left_ms
        if peak >= self._needed(stand.level) and away_ms >= self.plateau_s * 1000:
            person = self._swayed and PERSON_G <= peak < math.inf and number == len(stands) - 1
            level = self._shown(stand.level)
            kind: WeighingKind = "person" if person else "touch"
            out.append(self._row(kind, level, level, left_ms, end_ms, stand, 0.9))
        del stands[number + 1 :]
        stand.left_ms, stand.seen_ms = None, end_ms
        stand.steady_ms = end_ms  # what waits to be told needs its rest in one piece
        if found is not None:
            stand.resume(found)
        self._away, self._doubt, self._within, self._peak_g = False, None, 1, 0.0
        self._step_g = self._needed(stand.level)
        if abs(stand.level) <= 0.75 * self.division_g and abs(stand.anchor) < self._step_g:
            # Too little to be told went to 0: the zero key, or zero tracking.
            stand.anchor = stand.level
        if abs(stand.level - stand.anchor) >= self._step_g:
            return out + self._crept(stand)
        return out + self._tell_due(end_ms)

    def _counts_anew(self, kind: WeighingKind, found: Stretch) -> list[Weighing]:
        """The load is the same and is shown from another zero. Who presses a key means what lies there: it is told."""
        told = self._tell_due(found.start_ms, at_once=True)
        top = self._stands[-1]
        left_ms = top.left_ms if top.left_ms is not None else top.seen_ms
        by_g = found.mean - top.level
        cleared = self._cleared(by_g, 2 * max(self.division_g, SIGMAS * self._noise.sample_g))
        if cleared is not None:
            del self._keyed[cleared]
        elif abs(by_g) >= self.division_g:
            self._keyed.append(-by_g)
            if len(self._keyed) > MAX_KEYS:
                self._keyed[:2] = [sum(self._keyed[:2])]
        before_g = self._shown(self._stands[0].level)
        for stand in self._stands:
            stand.shift(by_g)
        top.resume(found)
        self._away, self._within = False, 1
        self._step_g = self._needed(top.level)
        self._jumps.shaken()
        after_g = self._shown(self._stands[0].level)
        row = self._row(kind, before_g, after_g, left_ms, found.end_ms, self._stands[0], 0.5)
        return [*told, row, *self._tell_due(found.end_ms)]

    def _first(self, found: Stretch) -> list[Weighing]:
        before, self.last_stable_g = self.last_stable_g, None
        kind, self._unseen = self._unseen, "restart"
        known = 0 if before is None else before
        stand = Stand(found)
        self._stands.append(stand)
        self._away, self._within = False, 1
        self._step_g = self._needed(found.mean)
        self._book_g = known
        if abs(found.mean - known) < self._needed(known):
            if before is not None and kind != "tare":
                # The known level stays: a slow withdrawal must not be eaten by restarts either.
                stand.anchor = float(before)
                stand.judged_ms = stand.judged_ms if self._judged_ms is None else min(self._judged_ms, stand.judged_ms)
            return []
        # Nobody watched while the load changed: recorded, but never taken for granted.
        return [
            self._row(
                "first" if before is None else kind, known, self._shown(found.mean), found.start_ms, found.end_ms,
                stand, 0.3,
            )
        ]  # fmt: skip

    # --- telling ----------------------------------------------------------------------------------------------------

    def _tell_due(self, now_ms: int, *, at_once: bool = False) -> list[Weighing]:
        """The movements that nothing can undo any more, oldest first."""
        out: list[Weighing] = []
        stands = self._stands
        while len(stands) > 1:
            up = stands[1].anchor > stands[0].anchor
            last = 1
            while (
                last + 1 < len(stands)
                and (stands[last + 1].anchor > stands[last].anchor) == up
                and (
                    stands[last].rested_ms(now_ms) + SETTLE_MS < self._merge_ms
                    or (
                        stands[last].flowed
                        and not stands[last].rested
                        and stands[last + 1].flowed
                        and stands[last + 1].start_ms - stands[1].start_ms < FLOW_MS
                    )
                )
            ):
                last += 1
            stepped_ms = stands[last].start_ms
            newest = last == len(stands) - 1
            rested_ms = stands[last].rested_ms(now_ms)
            if at_once:
                if newest and rested_ms < REST_MS - BLOCK_MS and self.plateau_s * 1000 + SETTLE_MS <= REST_MS:
                    # Not certain: it stays where it was seen last.
                    break
            elif len(stands) <= MAX_STANDS:
                if now_ms - stepped_ms < self._touch_ms or (newest and rested_ms < self._merge_ms):
                    break
                if newest and not stands[last].steady(
                    max(self.division_g, self._noise.block_g), self._merge_ms, now_ms
                ):
                    break
                if newest and self._away and now_ms - (stands[last].left_ms or now_ms) < self._merge_ms:
                    break
            if abs(stands[last].level - stands[0].level) < self._needed(stands[0].level):
                del stands[1:last]
                self._fold(1)
                continue
            out.append(self._movement(stands[0], stands[last]))
            del stands[:last]
            stands[0].believe()
            stands[0].judged_ms = stands[0].seen_ms
            self._trace.forget_before(stands[0].left_ms or stands[0].start_ms)
        return out

    def _movement(self, before: Stand, after: Stand) -> Weighing:
        before_g, after_g = self._shown(before.level), self._shown(after.told_g)
        kind: WeighingKind = "in" if after_g > before_g else "out"
        left_g = before.level - (self._zero_g or 0.0)
        if (
            kind == "in"
            and self._emptying
            and left_g >= self._needed(0.0)
            and after_g - before_g >= REFILL_TIMES * left_g
        ):
            kind = "refill"
        self._emptying = kind == "out"
        self._see_empty(before)
        start_ms = before.left_ms if before.left_ms is not None else after.start_ms
        end_ms = max(start_ms, min(after.start_ms + round(self.plateau_s * 1000), after.seen_ms))
        row = self._row(kind, before_g, after_g, start_ms, end_ms, after, self._confidence(before, after))
        self._see_empty(after)
        return row

    def _confidence(self, before: Stand, after: Stand) -> float:
        """A product: how far the step is above the least one (0.5 at it, 0.93 at twice that), how long the shorter of
        both plateaus rested (0.63 at 3 s, 0.95 at 9 s), how exactly their levels are known against the least step, and
        whether the load was calm (0.5 if it still swayed when it was told)."""
        least = self._least(after.level)
        size = 1 - 0.5 * math.exp(-2 * max(0.0, abs(after.level - before.level) / least - 1))
        rested_s = min(before.rested_ms(self._heard_ms), after.rested_ms(self._heard_ms)) / 1000
        rest = 1 - math.exp(-max(0.0, rested_s) / 3)
        error = self._noise.blocks * (1 / before.count + 1 / after.count)
        exact = 1 / math.sqrt(1 + error / (3 * least) ** 2)
        return round(0.99 * size * rest * exact * (1.0 if after.calm else 0.5), 2)

    def _row(
        self, kind: WeighingKind, before_g: int, after_g: int, start_ms: int, end_ms: int, stand: Stand,
        confidence: float,
    ) -> Weighing:  # fmt: skip
        drift_g = 0 if kind in ("touch", "person") else before_g - self._book_g
        if kind not in ("touch", "person"):
            self._book_g = after_g
        start_ms = max(0, min(start_ms, end_ms))
        return Weighing(
            at_ms=end_ms, sensor=self.sensor, kind=kind, before_g=before_g, after_g=after_g,
            start_ms=start_ms, end_ms=end_ms, stable_s=self.plateau_s, noise_g=round(self._noise.sample_g, 1),
            confidence=confidence, division_g=self.division_g,
            zero_g=self._zero_g, zero_at_ms=self._zero_at_ms,
            load="gross" if self._load == "gross" else "net" if self._load == "net" else "", tare_g=self._tare_g,
            drift_g=float(drift_g), trace=self._trace.between(start_ms, end_ms),
        )  # fmt: skip

    def _see_empty(self, stand: Stand) -> None:
        """Remember where the scale stands when nothing lies on it; a net value says nothing of that."""
        if abs(stand.level) < self._least(0.0) and self._load != "net" and not self._keyed:
            self._zero_g, self._zero_at_ms = round(stand.level, 1), max(0, stand.seen_ms)

    # --- masses -----------------------------------------------------------------------------------------------------

    def _least(self, load_g: float) -> float:
        """The least step that is told."""
        return max(LEAST_DIVISIONS * self.division_g, LEAST_G, LEAST_SHARE * abs(load_g), self._noise.least_step_g)

    def _needed(self, load_g: float) -> float:
        """What a step of that size at least measures: rounding takes up to half a division."""
        return self._least(load_g) - HALF * min(self.division_g, LEAST_G / 3)

    def _chance_g(self) -> float:
        """How far two samples of one load may lie apart: rounding, and the noise of both within and between blocks."""
        return self.division_g + SIGMAS * math.sqrt(2 * (self._noise.samples + self._noise.blocks))

    def _shown(self, level_g: float) -> int:
        """As the scale would show it, in whole grams."""
        # Half up: to even would show the same step as another one above another zero.
        return round(math.floor(level_g / self.division_g + 0.5) * self.division_g)
