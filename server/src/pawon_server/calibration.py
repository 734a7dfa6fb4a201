"""What a person writes about a thermometer: that it was checked, and that such a record was a mistake.

Numbers are what was read and what was true; verdict and correction are derived from them
(``projections/calibrations``).
"""

from __future__ import annotations

from typing import Annotated, ClassVar

from msgspec import Meta

from pawon_food_safety.calibration import Method

from .people.act import Act, Moment, Role, Word, Words

# The name of a sensor, or of a ``[[thermometer]]``.
Instrument = Annotated[str, Meta(min_length=1, max_length=64)]
Degrees = Annotated[tuple[float, ...], Meta(max_length=2)]


class RecordCalibration(Act, frozen=True, kw_only=True, tag="calibration.record"):
    """A thermometer was checked at ``performed_ms``.

    ``readings_c``: what it said **by itself**, uncorrected; two for ``ice-boiling``, one or two for ``comparison`` and
    ``certificate``, else one. ``references_c``: what was true, for these two methods only; ice and boiling water are
    known. ``measured``: the reading was taken from the connected sensor, not typed. ``reference``: with which
    thermometer it was compared, ``reference_error_c`` how far that may be off. ``next_ms``: when a laboratory wants it
    back; the profile may want it earlier.
    """

    sensor: Instrument
    method: Method
    readings_c: Degrees
    references_c: Degrees = ()
    measured: bool = False
    performed_ms: Moment
    reference: Word = ""
    reference_error_c: Annotated[float, Meta(ge=0, le=5)] | None = None
    certificate: Word = ""
    lab: Word = ""
    next_ms: Moment | None = None
    note: Words = ""


class WithdrawCalibration(Act, frozen=True, kw_only=True, tag="calibration.withdraw"):
    """A record was a mistake: values measured from now on are corrected as if it had never been written.
    ``calibration``: its number, which is its journal entry's."""

    role: ClassVar[Role] = "nutritionist"

    calibration: Annotated[int, Meta(ge=1, le=2**62)]
    reason: Annotated[str, Meta(min_length=1, max_length=1000)]
