"""From a stream of masses to weighings: what a change between two stable plateaus of one scale was.

One way: samples -> ``plateau`` (half-second blocks, and whether a stretch of them stands) -> ``detector`` (what came,
what went, what was only a hand) -> ``Weighing`` rows. ``noise`` knows what the scale does by itself, ``stand`` one load
and its drift, ``jump`` a key that was pressed, ``trace`` keeps raw samples; ``recording`` weighs a file. Pure: samples
and times in, rows out. Nothing here zeroes or tares a scale.
"""

from .detector import WeighingDetector

__all__ = ["WeighingDetector"]
