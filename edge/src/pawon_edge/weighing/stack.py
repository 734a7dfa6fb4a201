"""The stands that wait to be told: what a load came back to, what joins into one movement, what nothing can undo."""

from __future__ import annotations

import math

from .measure import Measure
from .plateau import BLOCK_MS, Stretch
from .stand import Stand

# Domain: a touch returns within two divisions; but what came must have gone again, not only most of it.
RETURN_DIVISIONS = 2.0
RETURN_SHARE = 0.1
# Or within what the two means may differ by chance: 1 in 16,000 does more.
RETURN_SIGMAS = 4.0
# A load rests a second longer than plateau_s to be told of; the settling before it belongs to the handling.
SETTLE_MS = 1_000
# At the end of a recording a step counts when it rested so long (the least rest that is promised to be enough).
REST_MS = 5_000
# Stands that wait, at most: two minutes of one every four seconds.
MAX_STANDS = 32
# What flows for longer is told in pieces.
FLOW_MS = 300_000


class Stack:
    """Oldest first. The first is what the book knows; the others wait, and may still turn out to be a hand."""

    __slots__ = ("_measure", "_merge_ms", "_plateau_ms", "_touch_ms", "stands")

    def __init__(self, measure: Measure, *, plateau_ms: int, merge_ms: int, touch_ms: int) -> None:
        self._measure = measure
        self._plateau_ms, self._merge_ms, self._touch_ms = plateau_ms, merge_ms, touch_ms
        self.stands: list[Stand] = []

    def earlier(self, found: Stretch, heard_ms: int) -> int | None:
        """The stand that a load which was handled came back to."""
        stands = self.stands
        top = stands[-1]
        if max(abs(found.mean - top.anchor), abs(found.mean - top.rest_g)) < self._measure.needed(top.level):
            return len(stands) - 1
        leaving_ms = found.start_ms if top.left_ms is None else top.left_ms
        for number in range(len(stands) - 2, -1, -1):
            stand, above = stands[number], stands[number + 1]
            if leaving_ms - above.start_ms > self._touch_ms or (above.flowed and above.rested):
                return None  # too late for a hand, or a load that flowed and came to rest, which no hand is
            error = RETURN_SIGMAS * math.sqrt(self._measure.noise.blocks * (1 / stand.count + 1 / found.blocks))
            near = 0.5 * self._measure.division_g + error
            if not self._passed(number, heard_ms):
                near = max(
                    near, min(RETURN_DIVISIONS * self._measure.division_g, RETURN_SHARE * abs(top.level - stand.level))
                )
            if abs(found.mean - stand.level) <= near:
                return number
        return None

    def drop_short(self, heard_ms: int) -> None:
        """What did not rest long enough between two steps was a part of the handling."""
        least_ms = self._plateau_ms + SETTLE_MS
        while len(self.stands) > 1 and self.stands[-1].rested_ms(heard_ms) < least_ms:
            del self.stands[-1]
        self._fold(len(self.stands) - 1)

    def _fold(self, number: int) -> None:
        """A stand that crept back to where the one before it was is that one."""
        if number < 1:
            return
        before, stand = self.stands[number - 1 : number + 1]
        needed = self._measure.needed(before.level)
        if abs(stand.level - before.level) >= needed or (stand.rested and abs(stand.rest_g - before.level) >= needed):
            return
        self._join(number)

    def _join(self, number: int) -> None:
        """This stand is the one before it, a little beside: what the book knows of that one stays, and counts on."""
        before, stand = self.stands[number - 1 : number + 1]
        before.left_ms, before.seen_ms = stand.left_ms, stand.seen_ms
        before.level, before.count = stand.level, stand.count
        del self.stands[number]

    def _passed(self, number: int, heard_ms: int) -> bool:
        """Whether that stand was only one of several steps of one direction: then what comes back may be a crate."""
        stands = self.stands
        if number == 0 or stands[number].rested_ms(heard_ms) + SETTLE_MS >= self._merge_ms:
            return False
        before, stand, after = stands[number - 1 : number + 2]
        return (stand.anchor > before.anchor) == (after.anchor > stand.anchor)

    def due(self, now_ms: int, *, at_once: bool, away: bool) -> tuple[Stand, Stand] | None:
        """From where to where the oldest movement went, if nothing can undo it any more; then call ``told``.
        ``at_once``: what waits is told, if it rested; ``away``: the newest stand was left."""
        stands = self.stands
        while len(stands) > 1:
            last = self._one_movement(now_ms)
            newest = last == len(stands) - 1
            after = stands[last]
            if at_once:
                certain = after.rested_ms(now_ms) >= REST_MS - BLOCK_MS or self._plateau_ms + SETTLE_MS > REST_MS
                if newest and not certain:
                    return None  # it stays where it was seen last
            elif len(stands) <= MAX_STANDS and not self._final(after, now_ms, newest=newest, away=away):
                return None
            before = stands[0]
            if abs(before.level - before.anchor) >= self._measure.needed(before.anchor):
                before.level = before.anchor  # no drift is as large: it was followed while the scale shook
            if abs(after.told_g - before.level) >= self._measure.needed(before.level):
                return before, after
            # No movement led there, so it is the stand before. Without a condition: the next turn must find it gone.
            del stands[1:last]
            self._join(1)
        return None

    def told(self, after: Stand) -> None:
        """The book knows it now."""
        del self.stands[: self.stands.index(after)]
        after.believe()
        after.judged_ms = after.seen_ms

    def _one_movement(self, now_ms: int) -> int:
        """The last of the stands that steps of one direction, or a flow, lead to."""
        stands = self.stands
        up = stands[1].anchor > stands[0].anchor
        last = 1
        while last + 1 < len(stands) and (stands[last + 1].anchor > stands[last].anchor) == up:
            stand, after = stands[last], stands[last + 1]
            flows = stand.flowed and not stand.rested and after.flowed
            if stand.rested_ms(now_ms) + SETTLE_MS >= self._merge_ms and not (
                flows and after.start_ms - stands[1].start_ms < FLOW_MS
            ):
                break
            last += 1
        return last

    def _final(self, after: Stand, now_ms: int, *, newest: bool, away: bool) -> bool:
        """No hand lies so long; and what still moves is not there yet."""
        if now_ms - after.start_ms < self._touch_ms:
            return False
        if not newest or now_ms - after.start_ms >= FLOW_MS:
            return True
        within_g = max(self._measure.division_g, self._measure.noise.block_g)
        if after.rested_ms(now_ms) < self._merge_ms or not after.steady(within_g, self._merge_ms, now_ms):
            return False
        return not (away and now_ms - (after.left_ms or now_ms) < self._merge_ms)
