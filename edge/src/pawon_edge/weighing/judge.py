"""What each half second means: the load stands, was left, came back, is another, sways, flows, or a key was pressed.

Blocks in, rows out. The stands wait in a stack until nothing can undo them any more; see ``stack``.
"""

from __future__ import annotations

import math

from pawon_contract.messages import Weighing, WeighingKind

from .jump import SLOWEST_MS, Jumps
from .keys import Keys
from .measure import Measure
from .noise import BLOCK_SHAKES_MORE, Noise
from .opening import Opening
from .plateau import BLOCK_MS, Block, Blocks, Stretch
from .stack import FLOW_MS, REST_MS, Stack
from .stand import Stand
from .telling import Teller
from .trace import Trace

# Domain: a load of at least so much that sways and leaves within 120 s was a person.
PERSON_G = 30_000.0
# Nobody leans so long; a load that still sways then (a mixer that was switched on with it) is a load.
DOUBT_MS = 300_000
# Back on its plateau after handling: two seconds within its noise.
BACK_BLOCKS = 4
# Noise is learned from means two seconds apart: slow enough for wind, quick enough not to see what flows.
DIFFERENCE_BLOCKS = 4
# The mean of three seconds, as the detector keeps it, strays by 0.3 sigma of a block: four of those.
ASTRAY_SIGMAS = 1.2
# Before the first sample.
NEVER_MS = -(2**60)


class Judge:
    """Of one scale. ``last_g``: what lay on it when it was last seen, if that is known; ``key``: the scale said that it
    counts from elsewhere now. ``heard_ms`` (the newest sample) and ``usual_ms`` (between two) are told by who feeds
    it."""

    __slots__ = (
        "_doubt",
        "_plateau_s",
        "_swayed",
        "_within",
        "away",
        "blocks",
        "heard_ms",
        "jumps",
        "key",
        "key_by_g",
        "keys",
        "measure",
        "noise",
        "opening",
        "peak_g",
        "shaken",
        "stack",
        "stands",
        "step_g",
        "teller",
        "trace",
        "usual_ms",
    )  # fmt: skip

    def __init__(
        self, *, sensor: str, division_g: float, plateau_s: float, merge_s: float, touch_s: float, last_g: int | None
    ) -> None:
        self.noise = Noise(division_g)
        self.measure = Measure(division_g, self.noise)
        plateau_ms = round(plateau_s * 1000)
        self.blocks, self.trace, self.jumps = Blocks(plateau_ms), Trace(division_g), Jumps()
        self.keys = Keys(self.measure)
        self.stack = Stack(
            self.measure, plateau_ms=plateau_ms, merge_ms=round(merge_s * 1000), touch_ms=round(touch_s * 1000)
        )
        self.stands = self.stack.stands
        self.teller = Teller(sensor, self.measure, self.trace, self.keys, plateau_s)
        self.opening = Opening(self.measure, last_g)
        self.teller.book_g = last_g or 0
        self.key = False
        self.key_by_g: float | None = None  # what it took from one sample to the next, if that is known
        self._plateau_s = plateau_s
        self._doubt: Stand | None = None  # a load that sways
        self._within = 0  # blocks in a row on the newest stand
        self.away = False  # the newest stand was left, and nothing else stands yet
        self.peak_g = 0.0
        self._swayed = False
        self.shaken = False  # since the newest stand was left, something was not as quiet as the scale by itself
        self.step_g = self.measure.least(0.0)
        self.heard_ms = NEVER_MS
        self.usual_ms = 100.0

    def begin_anew(self) -> None:
        """Nothing is known of what lies there."""
        self.stands.clear()
        self._doubt, self.away, self.key = None, False, False
        self.no_block()
        self.jumps.shaken()

    def no_block(self) -> None:
        """What comes next has nothing to do with what was before."""
        self.blocks.clear()
        self._within = 0

    def lose_sight(self) -> None:
        """Nobody sees the scale; what was due is told. The next plateau was reached unseen."""
        if self.stands:
            self.opening.expect(self.stable_g or 0, self.stands[0].judged_ms)
        self.begin_anew()

    def expect(self, last_g: int) -> None:
        """Begin anew from a load that is known from before."""
        self.opening.expect(last_g)
        self.teller.book_g = last_g
        self.keys.taken.clear()
        self.begin_anew()

    def counts_elsewhere(self, by_g: float | None) -> None:
        """The scale says that it shows the load from another zero now, by so much from one sample to the next."""
        self.no_block()
        if self.stands:
            self.key_by_g = by_g if not self.key or by_g is None or self.key_by_g is None else self.key_by_g + by_g
            self.key = True
        else:
            self.opening.counts_elsewhere()

    def jumped(self, at_ms: int, spacing_ms: int, from_g: float, to_g: float) -> bool:
        """Two samples are a step apart; whether the first lay on a quiet plateau."""
        handled = self.away and (self.shaken or self.peak_g > self.step_g)
        quiet = bool(self.stands) and not handled and not self.jumps.watching
        if quiet:
            quiet = abs(from_g - self.stands[-1].level) <= self.measure.chance_g()
        self.jumps.moved(at_ms, spacing_ms, to_g, from_quiet=quiet, usual_ms=self.usual_ms)
        return quiet

    def no_number(self) -> None:
        """The scale answers without one: too much lies there, or somebody lifts it."""
        self.no_block()
        self.jumps.shaken()
        if self.stands and not self.away:
            self._leave()
        self.peak_g = math.inf
        self._swayed, self.shaken = False, True

    def end(self) -> list[Weighing]:
        """What waits is told as far as it is certain enough."""
        self.stack.drop_short(self.heard_ms)
        return self._tell_due(self.heard_ms, at_once=True)

    @property
    def stable_g(self) -> int | None:
        """The newest plateau the book knows, drift followed."""
        return self.measure.shown(self.stands[0].anchor) if self.stands else None

    def take(self, block: Block) -> list[Weighing]:
        self.blocks.add(block)
        noise = self.noise
        if not self.stands:
            return self._open()
        top = self.stands[-1]
        off = block.mean - top.level
        near = self.measure.near_g
        quiet = block.squares <= BLOCK_SHAKES_MORE * noise.samples * block.count and not block.moving
        if -near <= off <= near and quiet and not self.key:
            self._within += 1
            if not self.away:
                return self._on_stand(top, block)
            return self._back(len(self.stands) - 1, block.end_ms) if self._within >= BACK_BLOCKS else []
        self._within = 0
        if not self.away:
            self._leave()
        self.shaken = self.shaken or not quiet
        top_off = abs(off)
        self.peak_g = max(self.peak_g, top_off) if self.peak_g < math.inf else top_off
        found = self.blocks.newest()
        if found is not None and top.left_ms is not None and found.start_ms >= top.left_ms:
            if found.calm(noise, self.measure.division_g):
                return self._calm(found)
            self._rough()
        return self._tell_due(block.end_ms)

    def _on_stand(self, top: Stand, block: Block) -> list[Weighing]:
        noise = self.noise
        top.follow(block.mean, block.end_ms, max(self.measure.division_g, ASTRAY_SIGMAS * math.sqrt(noise.blocks)))
        if self._within > DIFFERENCE_BLOCKS:
            noise.learn(self.blocks.since(DIFFERENCE_BLOCKS), block.squares, block.count)
        if top.rested and len(self.stands) > 1:
            top.anchor = top.rest_g  # not told yet: what flows on counts from where it rested
        crept = abs(top.level - top.anchor)
        if crept >= self.step_g or abs(top.level - top.rest_g) >= self.step_g:
            return self._crept(top)
        if crept <= self.step_g / 4:
            top.near_ms = block.end_ms
        if self._within % 8 == 0:
            self.step_g = self.measure.needed(top.level)
        if self._within % 128 == 0:
            top.settle_drift(self.measure.division_g)
            self.trace.quiet_g = self.measure.quiet_g
            if len(self.stands) == 1:
                self.trace.forget_before(block.start_ms)
                self.teller.see_empty(top)
        return self._tell_due(block.end_ms) if len(self.stands) > 1 else []

    def _open(self) -> list[Weighing]:
        found = self.opening.find(self.blocks)
        if found is None:
            return []
        stand, rows = self.opening.open(found, self.teller)
        self.stands.append(stand)
        if rows:
            self.keys.taken.clear()
        self.away, self._within = False, 1
        self.step_g = self.measure.needed(found.mean)
        return rows

    def _rough(self) -> None:
        """It does not stand as it does by itself: does it at least go nowhere?"""
        found, top = self.blocks.rough(self.measure.division_g), self.stands[-1]
        if found is None or top.left_ms is None or found.start_ms < top.left_ms:
            return
        if abs(found.mean - top.level) < max(self.measure.needed(top.level), 2 * found.error_g) and not found.moving:
            # The load is the same, the floor shakes: from now on this is what the scale does by itself.
            self.noise.set(found.between, found.within)
            self.step_g = self.measure.needed(top.level)
            return
        self._swayed = True
        doubt = self._doubt
        if doubt is None or abs(found.mean - doubt.level) > max(self.step_g, 4 * found.error_g):
            self._doubt = Stand(found, calm=False)
        elif found.end_ms - doubt.start_ms >= DOUBT_MS:
            self.noise.set(found.between, found.within)
            doubt.level, doubt.seen_ms = found.mean, found.end_ms
            self._push(doubt)

    def _calm(self, found: Stretch) -> list[Weighing]:
        """A plateau: which of the known ones, or a new one?"""
        self._doubt = None
        stands = self.stands
        if self.key:
            self.key = False
            by_g = self.key_by_g
            alone = by_g is None or abs(found.mean - stands[-1].level - by_g) < self.measure.needed(found.mean)
            return self._counts_anew("tare", found, None if alone else by_g)
        clean = self.jumps.clean_since(found.start_ms)
        if (
            clean
            and abs(found.mean - stands[-1].level) >= self.step_g
            and (kind := self.keys.kind(found, stands[-1], self.jumps)) is not None
        ):
            return self._counts_anew(kind, found)
        self.stack.drop_short(self.heard_ms)
        number = self.stack.earlier(found, self.heard_ms)
        if number is not None:
            return self._back(number, found.end_ms, found)
        if self.usual_ms <= SLOWEST_MS:
            self.jumps.load_came(clean)
        top = stands[-1]
        # A hand shakes and is quick; what flows is quiet all the way, and slow, or most of it came before it was seen.
        slow = found.start_ms - (top.left_ms or top.seen_ms) >= REST_MS
        flowed = not self.shaken and (slow or abs(found.mean - top.level) < self.step_g)
        self._push(Stand(found, flowed=flowed))
        return self._tell_due(found.end_ms)

    def _leave(self) -> None:
        top = self.stands[-1]
        top.left_ms = top.seen_ms
        self.away, self.peak_g, self._swayed, self.shaken = True, 0.0, False, False

    def _push(self, stand: Stand) -> None:
        self.stack.drop_short(self.heard_ms)
        self.jumps.shaken()  # the jump that led here is judged: the next one begins on a quiet plateau again
        top = self.stands[-1]
        top.left_for(stand, self.measure.needed(top.level))
        self.stands.append(stand)
        self.away, self._doubt, self._within = False, None, 1
        self.step_g = self.measure.needed(stand.level)
        self.trace.quiet_g = self.measure.quiet_g

    def _crept(self, top: Stand) -> list[Weighing]:
        """It flowed: more than drift, without a step that could be seen. A flow is one movement while it lasts."""
        stands = self.stands
        lasts = len(stands) > 1 and top.seen_ms - top.start_ms < FLOW_MS and not top.rested
        if lasts and (top.level > top.anchor) == (top.anchor > stands[-2].anchor):
            top.believe()
            top.near_ms = top.seen_ms
            return self._tell_due(top.seen_ms)
        found = self.blocks.newest()
        if found is None:
            return []
        self._push(Stand(found, flowed=True))
        return self._tell_due(found.end_ms)

    def _back(self, number: int, end_ms: int, found: Stretch | None = None) -> list[Weighing]:
        """The load is where it was (``found``: or a little beside): nobody moved stock, whatever lay there then."""
        stands = self.stands
        stand = stands[number]
        back_ms = end_ms - BACK_BLOCKS * BLOCK_MS if found is None else found.start_ms
        left_ms = stand.left_ms if stand.left_ms is not None else back_ms
        peak = self.peak_g
        if number < len(stands) - 1:
            peak = max([peak] + [abs(one.level - stand.level) for one in stands[number + 1 :]])
        out: list[Weighing] = []
        away_ms = back_ms - left_ms
        if peak >= self.measure.needed(stand.level) and away_ms >= self._plateau_s * 1000:
            person = self._swayed and PERSON_G <= peak < math.inf and number == len(stands) - 1
            level = self.measure.shown(stand.level)
            kind: WeighingKind = "person" if person else "touch"
            out.append(self.teller.row(kind, level, level, left_ms, end_ms, stand, 0.9))
        del stands[number + 1 :]
        stand.left_ms, stand.seen_ms = None, end_ms
        stand.steady_ms = end_ms  # what waits to be told needs its rest in one piece
        if found is not None:
            stand.resume(found)
        self.away, self._doubt, self._within, self.peak_g = False, None, 1, 0.0
        self.step_g = self.measure.needed(stand.level)
        if abs(stand.level) <= 0.75 * self.measure.division_g and abs(stand.anchor) < self.measure.small_g:
            # Too little to be told went to 0: the zero key, or zero tracking.
            stand.anchor = stand.level
        if abs(stand.level - stand.anchor) >= self.step_g:
            return out + self._crept(stand)
        return out + self._tell_due(end_ms)

    def _counts_anew(self, kind: WeighingKind, found: Stretch, by_g: float | None = None) -> list[Weighing]:
        """The load is the same and is shown from another zero. Who presses a key means what lies there: it is told.
        ``by_g``: the load changed within those seconds too, and the key took only so much."""
        told = self._tell_due(found.start_ms, at_once=True)
        top = self.stands[-1]
        left_ms = top.left_ms if top.left_ms is not None else top.seen_ms
        shift_g = found.mean - top.level if by_g is None else by_g
        self.keys.pressed(shift_g)
        before_g = self.measure.shown(self.stands[0].anchor)
        for stand in self.stands:
            stand.shift(shift_g)
        after_g = self.measure.shown(self.stands[0].anchor)
        end_ms = found.end_ms if by_g is None else left_ms
        row = self.teller.row(kind, before_g, after_g, left_ms, end_ms, self.stands[0], 0.5)
        if by_g is not None:
            return [*told, row, *self._calm(found)]
        top.resume(found)
        self.away, self._within = False, 1
        self.step_g = self.measure.needed(top.level)
        self.jumps.shaken()
        return [*told, row, *self._tell_due(found.end_ms)]

    def _tell_due(self, now_ms: int, *, at_once: bool = False) -> list[Weighing]:
        """The movements that nothing can undo any more, oldest first."""
        out: list[Weighing] = []
        while (due := self.stack.due(now_ms, at_once=at_once, away=self.away)) is not None:
            before, after = due
            out.append(self.teller.movement(before, after, self.heard_ms))
            self.stack.told(after)
            self.trace.forget_before(after.left_ms or after.start_ms)
        return out
