"""What a simulated indicator shows while hands put things on and take them off."""

from __future__ import annotations

import math
from random import Random

from pawon_firmware_bridge.scenarios.weighing_platform import SETTLE_S, Platform
from pawon_firmware_bridge.simulator.warmth import Warmth


def _platform(mass_g: float = 48_500.0) -> Platform:
    return Platform(mass_g=mass_g, division_g=20, noise_g=3, capacity_g=150_000, random=Random(1))


def test_shows_multiples_of_its_division() -> None:
    """A display with steps of 20 g shows nothing else, at rest and in motion."""
    platform = _platform()
    platform.add(0.0, -5_000, 2.0)
    for tick in range(60):
        shown = platform.read(tick / 10).mass_g
        assert shown is not None
        assert shown % 20 == 0


def test_unstable_while_handled_then_settles_to_the_new_mass() -> None:
    """Motion is unstable from its first to a second after its last moment; then the mass is exactly the new one."""
    platform = _platform()
    assert platform.read(0.0).stable
    platform.add(1.0, -5_000, 2.0)
    shown = [platform.read(1.0 + tick / 10) for tick in range(20)]
    assert not any(reading.stable for reading in shown)
    assert len({reading.mass_g for reading in shown}) > 10
    assert not platform.settle(1.0 + 2.0 + SETTLE_S - 0.01)
    assert platform.settle(1.0 + 2.0 + SETTLE_S)
    after = platform.read(4.1)
    assert after.stable
    assert after.mass_g == 43_500.0
    assert platform.settled_g == 43_500.0


def test_a_touch_leaves_nothing_behind() -> None:
    """Leaning on a platform moves the display and changes nothing in the end."""
    platform = _platform()
    platform.touch(0.0, 2_000, 1.0)
    highest = max(platform.read(tick / 20).mass_g or 0 for tick in range(20))
    assert highest > 49_500
    platform.settle(3.0)
    assert platform.read(3.0).mass_g == 48_500.0


def test_states_beyond_the_range() -> None:
    """Above capacity and nine divisions, and below minus twenty, there is a state and no number."""
    platform = _platform(150_300.0)
    assert (platform.read(0.0).mass_g, platform.read(0.0).state) == (None, "overload")
    platform = _platform(-500.0)
    assert (platform.read(0.0).mass_g, platform.read(0.0).state) == (None, "underload")
    platform = _platform(0.0)
    platform.overload(0.0, 2.0)
    assert platform.read(1.0).state == "overload"
    assert platform.read(2.0).mass_g == 0.0


def test_newton() -> None:
    """A temperature has gone 63 % of its way after tau, and changes direction without a jump."""
    warmth = Warmth(temperature_c=4.0, noise_c=0.0, random=Random(1))
    warmth.approach(10.0, 14.0, 5.0)
    assert warmth.temperature_c(10.0) == 4.0
    assert math.isclose(warmth.temperature_c(15.0), 14 - 10 / math.e)
    before = warmth.temperature_c(20.0)
    warmth.approach(20.0, 3.2, 3.0)
    assert math.isclose(warmth.temperature_c(20.0), before)
    assert abs(warmth.temperature_c(60.0) - 3.2) < 0.001
