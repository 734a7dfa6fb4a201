"""From a stream of masses to weighings: what a change between two stable plateaus of one scale was.

One way: samples -> ``detector`` (the clock, holes, half-second blocks) -> ``judge`` (what came, what went, what was
only a hand; ``plateau``: whether a stretch of blocks stands; ``opening``: the first one) -> ``stack`` (stands that wait
until nothing can undo them) -> ``telling`` (``Weighing`` rows). ``noise`` knows what the scale does by itself,
``measure`` what a step must exceed, ``stand`` one load and its drift, ``jump`` and ``keys`` a key that was pressed,
``trace`` keeps raw samples; ``recording`` weighs a file. Pure: samples and times in, rows out. Nothing here zeroes or
tares a scale.
"""

from .detector import WeighingDetector

__all__ = ["WeighingDetector"]
