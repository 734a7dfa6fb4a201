"""What people and kitchens do to a scale: one function for each kind, in a table. Durations and masses are drawn.

Each takes the stage and the time at which it may begin, and gives a deed. What a deed means for the truth follows from
its changes alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from pawon_firmware_bridge.scenarios.forces import Pressure, Shaking, Warmth
from pawon_firmware_bridge.scenarios.stage import Deed, Key, Motion, Silence, Stage
from pawon_firmware_bridge.scenarios.truth import HAND_S
from pawon_firmware_bridge.scenarios.weighing_platform import OVERLOAD_DIVISIONS, ZERO_AT_START_SHARE

MakeDeed = Callable[[Stage, float], Deed]
REST_S = 6.2
"""Between two things within one deed that must both be seen: settling, 5 s of rest, and a little."""

HAND_G = 6_000.0
"""What a hand or an elbow presses with at most."""


def put(stage: Stage, at: float) -> Deed:
    """One thing put on or taken off."""
    return Deed(kind="step", changes=(_motion(stage, at, stage.mass_g()),))


def unload(stage: Stage, at: float) -> Deed:
    """Crates, six of them, a few seconds apart: taken off if they are there, else put on."""
    return _crates(stage, at, -1)


def load(stage: Stage, at: float) -> Deed:
    """The same, put on if there is room."""
    return _crates(stage, at, 1)


def cross(stage: Stage, at: float) -> Deed:
    """One takes off while another puts on: within the same second, a few seconds later, or after a rest."""
    first_g = stage.mass_g(least=4.0, share=0.8)
    second_g = -first_g * stage.random.choice((stage.between(0.2, 0.6), stage.between(1.5, 2.0)))
    if not stage.scale.division_g <= stage.shown_g + first_g + second_g <= stage.most_g:
        second_g = -first_g * 0.4
    first = _motion(stage, at, first_g)
    gap_s = stage.random.choice((stage.between(-0.8, 0.0), stage.between(0.5, 4.0), stage.between(REST_S, 15.0)))
    second = _motion(stage, max(at + 0.05, first.end_s + gap_s), second_g)
    return Deed(kind="cross", changes=(first, second))


def small(stage: Stage, at: float) -> Deed:
    """A step hardly above the bar."""
    sign = stage.random.choice((-1, 1))
    sign = sign if abs(stage.load_g + sign * 200 - 60_000) < 1_000 else -sign
    # A little more than the bar asks, for the load it is measured by changes with it.
    mass_g = sign * stage.bar.threshold_g(stage.load_g + 200) * stage.between(1.01, 1.6)
    return Deed(kind="small", changes=(_motion(stage, at, mass_g),))


def drip(stage: Stage, at: float) -> Deed:
    """Water that runs in or out for minutes; a third of the time too little to be told."""
    low_g = stage.bar.threshold_g(stage.most_g)
    if stage.random.random() < 1 / 3:
        mass_g = low_g * stage.between(0.3, 0.6) * (-1 if stage.residue_g > 0 else 1)
        stage.residue_g += mass_g
    else:
        limit_g = 20 * low_g
        mass_g = max(-limit_g, min(limit_g, stage.mass_g(least=1.6)))
    return Deed(
        kind="drip", changes=(Motion(begin_s=at, duration_s=stage.spread(30, 900), mass_g=mass_g, kind="drip"),)
    )


def hidden(stage: Stage, at: float) -> Deed:
    """Put on or taken off while the line is silent: told late if the silence is short, else seen by nobody."""
    length_s = stage.between(3.0, 10.0)
    motion = _motion(stage, at + stage.between(0.3, length_s * 0.3), stage.mass_g())
    return Deed(
        kind="hidden",
        changes=(Silence(begin_s=at, end_s=max(at + length_s, motion.end_s + 0.2)), motion),
        disturbs="loss",
    )


def tared(stage: Stage, at: float) -> Deed:
    """Tare, fill, clear: the reading jumps to 0, rises by what was put in, and jumps back by the tare."""
    motion = _motion(stage, at + stage.between(REST_S, 25), stage.mass_g(1))
    if motion.mass_g < 0:  # no room: only pressed
        return tare(stage, at)
    clear = Key(begin_s=motion.end_s + stage.between(REST_S, 25), kind="clear")
    return Deed(kind="tared", changes=(Key(begin_s=at, kind="tare"), motion, clear), disturbs="tare")


def lid(stage: Stage, at: float) -> Deed:
    """The zero key with a lid on the pan, which is then taken off: below zero, and zero again."""
    division_g = stage.scale.division_g
    low_g = 1.2 * stage.bar.threshold_g(stage.load_g)
    lid_g = max(low_g, division_g * stage.between(4.0, 15.0))
    on = _motion(stage, at, lid_g)
    key = Key(begin_s=on.end_s + stage.between(REST_S, 30), kind="zero")
    # Not so soon that the lid could have been a hand.
    off = _motion(stage, on.end_s + stage.between(HAND_S + 8, HAND_S + 40), -lid_g)
    again = Key(begin_s=off.end_s + stage.between(REST_S, 30), kind="zero")
    return Deed(kind="lid", changes=(on, key, off, again), disturbs="zero")


def press(stage: Stage, at: float) -> Deed:
    """A hand presses and lets go, once or up to four times."""
    changes = []
    for _ in range(stage.random.choice((1, 1, 2, 4))):
        mass_g = stage.random.choice((-0.15, 1.0, 1.0)) * stage.spread(30, min(HAND_G, stage.scale.capacity_g / 3))
        changes.append(Motion(begin_s=at, duration_s=stage.between(0.4, 3.0), mass_g=mass_g, kind="touch"))
        at = changes[-1].end_s + stage.between(0.5, 4.0)
    return Deed(kind="press", changes=tuple(changes), disturbs="touch")


def lean(stage: Stage, at: float) -> Deed:
    """Somebody leans on it and sways."""
    mass_g = stage.spread(300, min(4 * HAND_G, stage.scale.capacity_g / 2))
    return _pressure(stage, at, "lean", "touch", mass_g, stage.between(3, 40), (0.05, 0.25), (0.5, 3.0))


def rest(stage: Stage, at: float) -> Deed:
    """Hands that lie on the pan, nearly still, for up to 50 s."""
    mass_g = stage.spread(100, min(HAND_G, stage.scale.capacity_g / 3))
    return _pressure(stage, at, "rest", "touch", mass_g, stage.between(5, 50), (0.005, 0.04), (0.5, 1.5))


def person(stage: Stage, at: float) -> Deed:
    """Somebody steps on to look what he weighs, or to reach the shelf."""
    return _pressure(
        stage, at, "person", "person", stage.between(30_000, 95_000), stage.between(4, 115), (0.004, 0.03), (0.5, 2.0)
    )


def overload(stage: Stage, at: float) -> Deed:
    """Something that is too heavy is set down and taken away again."""
    over_g = stage.scale.capacity_g + 3 * OVERLOAD_DIVISIONS * stage.scale.division_g - stage.load_g
    return _pressure(
        stage,
        at,
        "overload",
        "overload",
        over_g * stage.between(1.1, 1.5),
        stage.between(2, 25),
        (0.002, 0.01),
        (0.5, 2.0),
    )


def mixer(stage: Stage, at: float) -> Deed:
    """A mixer runs on the same floor."""
    end_s = at + stage.between(20, 120)
    return Deed(kind="mixer", changes=shaken(stage, at, end_s), disturbs="vibration")


def wind(stage: Stage, at: float) -> Deed:
    """A ceiling fan, or a door: air that presses on the pan."""
    end_s = at + stage.between(20, 120)
    return Deed(kind="wind", changes=blown(stage, at, end_s), disturbs="wind")


def tare(stage: Stage, at: float) -> Deed:
    """The tare key, and later the same key again."""
    clear = Key(begin_s=at + stage.between(3, 60), kind="clear")
    return Deed(kind="tare", changes=(Key(begin_s=at, kind="tare"), clear), disturbs="tare")


def zero(stage: Stage, at: float) -> Deed:
    """The zero key with something small on the pan; where too much lies there, tare is what gets pressed."""
    if not stage.may_zero:
        return tare(stage, at)
    return Deed(kind="zero", changes=(Key(begin_s=at, kind="zero"),), disturbs="zero")


def cut(stage: Stage, at: float) -> Deed:
    """Power fails and comes back; the indicator shows the same load."""
    return _cut(stage, at, zeroes=False)


def cut_zeroed(stage: Stage, at: float) -> Deed:
    """The indicator takes what lies there for nothing, if it may."""
    return _cut(stage, at, zeroes=stage.load_g <= ZERO_AT_START_SHARE * stage.scale.capacity_g)


def cut_changed(stage: Stage, at: float) -> Deed:
    """Somebody unloads in the dark."""
    gone = _cut(stage, at, zeroes=False).changes[0]
    motion = _motion(stage, at + stage.between(2.0, 8.0), stage.mass_g())
    return Deed(kind="unseen", changes=(gone, motion), disturbs="restart")


def loss(stage: Stage, at: float) -> Deed:
    """No samples for some seconds."""
    return Deed(kind="loss", changes=(Silence(begin_s=at, end_s=at + stage.between(0.5, 10.0)),), disturbs="loss")


MOVEMENTS: Mapping[str, MakeDeed] = {
    "step": put, "unload": unload, "load": load, "cross": cross, "small": small, "drip": drip, "hidden": hidden,
    "tared": tared, "lid": lid, "unseen": cut_changed,
}  # fmt: skip
DISTURBANCES: Mapping[str, MakeDeed] = {
    "press": press, "lean": lean, "rest": rest, "person": person, "mixer": mixer, "wind": wind, "tare": tare,
    "zero": zero, "cut": cut, "cut-zeroed": cut_zeroed, "overload": overload, "loss": loss,
}  # fmt: skip


def shaken(stage: Stage, begin_s: float, end_s: float) -> tuple[Shaking, ...]:
    """The floor under a mixer, as a converter leaves it: its turning, and a weaker overtone."""
    hz, amplitude_g = stage.between(5, 15), stage.scale.division_g * stage.spread(0.5, 6)
    return tuple(
        Shaking.converted(
            begin_s=begin_s, end_s=end_s, amplitude_g=amplitude_g * part, hz=hz * times,
            phase=stage.between(0, 2 * math.pi), rate_hz=stage.scale.rate_hz,
        )
        for part, times in ((1.0, 1.0), (0.3, 2.0))
    )  # fmt: skip


def blown(stage: Stage, begin_s: float, end_s: float) -> tuple[Shaking, ...]:
    """Wind: three slow rhythms of no common measure."""
    amplitude_g = stage.scale.division_g * stage.spread(0.3, 3)
    return tuple(
        Shaking(
            begin_s=begin_s, end_s=end_s, amplitude_g=amplitude_g * part, hz=stage.between(low, 2 * low),
            phase=stage.between(0, 2 * math.pi),
        )
        for part, low in ((0.6, 0.05), (0.5, 0.13), (0.3, 0.3))
    )  # fmt: skip


def warmed(stage: Stage, begin_s: float, end_s: float) -> tuple[Warmth, ...]:
    """A kitchen that heats up and cools down again."""
    return (
        Warmth(
            begin_s=begin_s, end_s=end_s, swing_c=stage.between(4, 9), period_s=3600 * stage.between(6, 14),
            phase=stage.between(0, 2 * math.pi), span_per_c=stage.random.choice((-1, 1)) * 2e-5,
            zero_g_per_c=stage.random.choice((-1, 1)) * stage.between(0.05, 0.2) * stage.scale.division_g,
        ),
    )  # fmt: skip


def _crates(stage: Stage, at: float, sign: int) -> Deed:
    total_g = stage.mass_g(sign, least=8.0)
    sizes = [stage.between(0.8, 1.2) for _ in range(6)]
    changes: list[Motion] = []
    for size in sizes:
        changes.append(_motion(stage, at, total_g * size / sum(sizes)))
        at = changes[-1].end_s + stage.between(2.5, 12.0)
    return Deed(kind="unload" if total_g < 0 else "load", changes=tuple(changes))


def _motion(stage: Stage, at: float, mass_g: float) -> Motion:
    return Motion(begin_s=at, duration_s=stage.between(0.4, 2.5), mass_g=mass_g)


def _pressure(
    stage: Stage, at: float, kind: str, disturbs: str, mass_g: float, length_s: float, sway: tuple[float, float],
    hz: tuple[float, float],
) -> Deed:  # fmt: skip
    force = Pressure(
        begin_s=at, end_s=at + length_s, mass_g=mass_g, ramp_s=min(stage.between(0.3, 1.0), length_s / 2),
        sway_share=stage.between(*sway), sway_hz=stage.between(*hz), phase=stage.between(0, 2 * math.pi),
    )  # fmt: skip
    return Deed(kind=kind, changes=(force,), disturbs=disturbs)


def _cut(stage: Stage, at: float, *, zeroes: bool) -> Deed:
    silence = Silence(begin_s=at, end_s=at + stage.spread(15, 120), power=True, zeroes=zeroes)
    return Deed(kind="cut", changes=(silence,), disturbs="restart")
