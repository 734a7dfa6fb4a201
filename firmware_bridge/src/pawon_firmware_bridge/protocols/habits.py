"""What a scale does not change by itself: the unit it measures in, and the shape of its frames.

Pounds in a stream of kilograms mean that somebody pressed the unit key, while the labels, limits and stock of this
place are written for the old unit: opening the port again accepts the new one. And a format without a checksum can
still look whole when a line of varying length has lost a digit, or one bit has moved the point.
"""

from __future__ import annotations


class Habits:
    """One stream's habits, learned from its first frames."""

    def __init__(self) -> None:
        self._unit = ""
        self._firm = False
        self._strange_unit = ""
        self._shape = 0
        self._strange_shape = 0

    def refuse(self, unit: str, shape: int) -> str:
        """Why a frame of this unit and shape (its length, or the word that places its point) is not believed, or "".

        A second frame in a row of a new shape is believed. A new unit never is, unless the first frame of all was the
        only one of the old unit: then that one was the wrong one.
        """
        if unit == self._unit and shape == self._shape:
            self._firm, self._strange_shape = True, 0
            return ""
        return self._refuse_unit(unit) or self._refuse_shape(shape)

    def _refuse_unit(self, unit: str) -> str:
        if not self._unit or (unit == self._strange_unit and not self._firm):
            self._unit = unit
        if unit == self._unit:
            return ""
        self._strange_unit = unit
        return f"unit changed from {self._unit} to {unit}"

    def _refuse_shape(self, shape: int) -> str:
        if self._shape in (0, shape) or self._strange_shape == shape:
            self._shape, self._strange_shape = shape, 0
            return ""
        self._strange_shape = shape
        return "frame of another shape than the one before"
