"""A recording of one scale as a CSV file, weighed offline as the gateway would have: lines in, weighings out.

Header ``time,mass_g`` (more columns may follow; ``load``, gross or net, is used). ``time``: seconds as a number, or ISO
8601. No mass (empty, ``nan``): the scale answered without a number. Nothing is held in memory but the detector, so a
week at ten samples a second is read as it comes. A line that is none is counted and told, and stops nothing.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from pawon_contract.messages import Weighing

from .detector import WeighingDetector

# So many bad lines are told each; a file that is something else must not flood the screen.
MAX_TOLD = 20
# Times beyond this (some 30,000 years) are no times.
MOST_S = 1e12
NO_NUMBER = frozenset({"", "nan", "null", "none", "na", "-"})

Say = Callable[[str], None]


class RecordingError(ValueError):
    """The file is no recording; the text says what to do."""


@dataclass(slots=True, kw_only=True)
class Recording:
    """One file. ``lines`` with their ends; ``say`` hears of bad lines."""

    lines: Iterable[str]
    say: Say
    good: int = 0
    bad: int = 0
    _begin_s: float | None = None
    _stamp: datetime | None = None  # the first time, if the file writes dates
    _zulu: bool = False
    _columns: tuple[int, int, int] = field(default=(0, 1, -1))

    def weighings(self, division_g: float) -> Iterator[Weighing]:
        """All weighings, oldest first; their times count from the first line.

        RecordingError if the header is another."""
        detector = WeighingDetector(sensor="recording", division_g=division_g)
        take = detector.take
        reader = csv.reader(line.replace("\0", "") for line in self.lines)
        self._head(reader)
        time_at, mass_at, load_at = self._columns
        begin_s = 0.0
        while True:
            try:
                cells = next(reader)
            except StopIteration:
                break
            except csv.Error as error:
                self._complain(reader.line_num, str(error), "write one sample a line: time,mass_g")
                continue
            if not cells:
                continue
            try:
                text = cells[mass_at].strip()
                mass_g = None if text.lower() in NO_NUMBER else float(text)
                text = cells[time_at]
                time_s = self._seconds(text)
                if not -MOST_S < time_s < MOST_S:
                    raise ValueError(f"{text!r} is no time")
            except IndexError:
                self._complain(reader.line_num, f"{len(cells)} of the columns", "write time and mass_g in every line")
                continue
            except ValueError as error:
                self._complain(
                    reader.line_num, str(error), "write seconds or ISO 8601, and grams with a point, or no mass"
                )
                continue
            if not self.good:
                self._begin_s = begin_s = time_s
            self.good += 1
            load = cells[load_at] or None if 0 <= load_at < len(cells) else None
            rows = take(round((time_s - begin_s) * 1000), mass_g, load=load)
            if rows:
                yield from rows
        yield from detector.finish()

    def time(self, at_ms: int) -> float | str:
        """A weighing's time as the file writes times."""
        if self._stamp is not None:
            text = (self._stamp + timedelta(milliseconds=at_ms)).isoformat(timespec="milliseconds")
            return text.removesuffix("+00:00") + "Z" if self._zulu else text
        return round((self._begin_s or 0.0) + at_ms / 1000, 3)

    def _head(self, reader: Iterator[list[str]]) -> None:
        try:
            head = [name.strip().lower() for name in next(reader, [])]
        except csv.Error as error:
            raise RecordingError(f"line 1: {error}: is this a CSV file?") from error
        if head:
            head[0] = head[0].removeprefix("\ufeff")
        if "time" not in head or "mass_g" not in head:
            shown = ",".join(head)[:60]
            raise RecordingError(
                f"line 1: the header is {shown!r}: write time,mass_g (commas between columns, seconds, grams)"
            )
        self._columns = head.index("time"), head.index("mass_g"), head.index("load") if "load" in head else -1

    def _seconds(self, text: str) -> float:
        if self._stamp is None:
            try:
                return float(text)
            except ValueError:
                if self.good:
                    raise
        stamp = datetime.fromisoformat(text.strip())
        if not self.good:
            self._stamp, self._zulu = stamp, text.strip().upper().endswith("Z")
        return (stamp if stamp.tzinfo else stamp.replace(tzinfo=UTC)).timestamp()

    def _complain(self, line: int, what: str, remedy: str) -> None:
        self.bad += 1
        if self.bad <= MAX_TOLD:
            self.say(f"line {line}: {what}: {remedy}")
        if self.bad == MAX_TOLD:
            self.say("more bad lines are only counted")


def summary(recording: Recording) -> str:
    """What was read, for a person."""
    return f"{recording.good} samples, {recording.bad} bad lines"


def plain(recording: Recording, row: Weighing) -> dict[str, object]:
    """A weighing as a plain object in the file's own time."""
    return {
        "kind": row.kind, "start": recording.time(row.start_ms), "end": recording.time(row.end_ms),
        "before_g": row.before_g, "after_g": row.after_g, "confidence": row.confidence,
    }  # fmt: skip


def is_division(value: float) -> bool:
    """Whether a scale may have such a division, in grams."""
    return math.isfinite(value) and value > 0
