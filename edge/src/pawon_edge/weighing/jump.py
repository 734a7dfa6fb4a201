"""Was it a key? A load never moves from one sample to the next without shaking the platform; a tare or zero key does.

Watched sample by sample: both sides of a jump must be as quiet as the scale is by itself. Where the samples come too
slowly to tell, nothing is said. A scale on which loads themselves come at once (its filter hides how they move) loses
this evidence: as long as more of its loads came cleanly than shaken, no jump is called a key.
"""

from __future__ import annotations

# A hand needs at least two samples of this spacing to lift anything away.
SLOWEST_MS = 300
# How long after the jump it must be quiet; bouncing fades within a second.
QUIET_MS = 1_000
# One in 16 000 samples strays so far by chance.
SIGMAS = 4.0
# Loads that are remembered, so that a scale whose filter was changed is learned anew within some weighings.
MEMORY = 8


class Jumps:
    """Of one scale."""

    __slots__ = ("_at_ms", "_clean_loads", "_to_g", "unseen")

    def __init__(self) -> None:
        self._at_ms: int | None = None
        self._to_g = 0.0
        self._clean_loads = 0
        self.unseen = False  # it happened in a hole between samples

    def moved(self, at_ms: int, spacing_ms: int, to_g: float, *, from_quiet: bool, usual_ms: float) -> None:
        """A sample that is a step away from the one before; ``from_quiet``: which was on a quiet plateau."""
        self.unseen = spacing_ms > max(5 * usual_ms, 1_500)
        quick = spacing_ms <= SLOWEST_MS or self.unseen
        self._at_ms = at_ms if from_quiet and quick else None
        self._to_g = to_g

    def shaken(self) -> None:
        """What follows is not quiet: hands."""
        self._at_ms = None

    @property
    def watching(self) -> bool:
        return self._at_ms is not None

    def settles(self, mass_g: float, tolerance_g: float) -> None:
        """A sample after the jump; one that strays says that it was no key."""
        if not -tolerance_g <= mass_g - self._to_g <= tolerance_g:
            self._at_ms = None

    def clean_since(self, start_ms: int) -> bool:
        """The plateau that begins at ``start_ms`` was reached by one jump and nothing else."""
        return self._at_ms is not None and start_ms - self._at_ms <= QUIET_MS

    @property
    def believed(self) -> bool:
        """Loads shake this platform, so a jump that shakes nothing is no load."""
        return self._clean_loads <= 0

    def load_came(self, clean: bool) -> None:
        """A load was certain; did it come as a clean jump?"""
        self._clean_loads = min(MEMORY, self._clean_loads + 1) if clean else max(-MEMORY, self._clean_loads - 1)
