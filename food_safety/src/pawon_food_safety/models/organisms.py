"""The organisms that are predicted: parameters with their source, their standing, and where they are valid.

Data only. Parameters without a source for a lag or a ceiling have none: both leave the prediction on the safe side.
S. aureus toxin has no usable public parameters; the time limits stand for it.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from .growth_rate import CardinalTemperatures, ModifiedRatkowsky


class Organism(msgspec.Struct, frozen=True, kw_only=True):
    """One organism in one food.

    ``id`` ends in the version of its parameters. ``decides``: its prediction may tighten a decision; the others only
    inform. ``h0``, ``start`` (log10 CFU/g assumed at the beginning) and ``ceiling`` as in ``growth.grown``.
    ``toxin_log10``: growth from which heat-stable toxin is a concern that reheating does not end.
    """

    id: str
    name: str
    food: str
    decides: bool
    rate: CardinalTemperatures | ModifiedRatkowsky
    h0: float = 0.0
    start: float = 2.0
    ceiling: float | None = None
    toxin_log10: float | None = None
    valid_from_c: float
    valid_to_c: float
    validity: str
    status: Literal["published", "fitted", "calibrated", "informative"]
    source: str


ORGANISMS: dict[str, Organism] = {
    organism.id: organism
    for organism in (
        Organism(
            id="b-cereus-rice-1",
            name="Bacillus cereus",
            food="cooked rice, from spores",
            decides=True,
            rate=ModifiedRatkowsky(a=0.00202, lowest_c=8.73, b=0.0652, highest_c=49.69, natural=False),
            h0=4.1,
            ceiling=8.03,
            toxin_log10=3.0,  # 10^5/g from 10^2 spores/g
            valid_from_c=10.0,
            valid_to_c=49.0,
            validity="plain rice, pH near neutral, aw near 1; rice mixed with meat grew faster in the experiment",
            status="fitted",
            source="h0, ceiling and table: USDA PMP Online model 2021166; rate fitted here to its displayed rates "
            "(Juneja et al. 2019, Int J Food Microbiol 290:49-58)",
        ),
        Organism(
            id="c-perfringens-chicken-1",
            name="Clostridium perfringens",
            food="cooked chicken, from spores",
            decides=True,
            rate=CardinalTemperatures(best_rate=6.06, lowest_c=8.8, best_c=46.4, highest_c=51.5, natural=True),
            h0=6.0,
            valid_from_c=8.8,
            valid_to_c=51.5,
            validity="cooling after cooking, uncured, pH near neutral, aw near 1",
            status="calibrated",
            source="cardinal temperatures: Food Control, roasted chicken and braised beef, one-step dynamic analysis "
            "(CTMI assumed); h0 calibrated here to FSIS Appendix B 2021 and Glass et al. (uncured turkey)",
        ),
        Organism(
            id="c-perfringens-beef-1",
            name="Clostridium perfringens",
            food="cooked beef, from spores",
            decides=True,
            rate=CardinalTemperatures(best_rate=5.64, lowest_c=10.3, best_c=43.5, highest_c=53.4, natural=True),
            h0=6.0,
            valid_from_c=10.3,
            valid_to_c=53.4,
            validity="cooling after cooking, uncured, pH near neutral, aw near 1",
            status="calibrated",
            source="as for chicken; h0 taken over from chicken, nothing in beef was compared",
        ),
        Organism(
            id="salmonella-chicken-1",
            name="Salmonella",
            food="chicken",
            decides=True,
            rate=ModifiedRatkowsky(a=0.0019, lowest_c=3.35, b=0.29, highest_c=48.01, natural=True),
            valid_from_c=10.0,
            valid_to_c=45.0,
            validity="raw or recontaminated chicken, no lag assumed",
            status="published",
            source="Juneja et al. 2007, Food Microbiol 24:328-335 (10-45 C), as cited in a table that labels it "
            "log10/h; read as ln/h, because log10/h would double in 9 min at 37 C",
        ),
        Organism(
            id="e-coli-1",
            name="Escherichia coli",
            food="broth",
            decides=False,
            rate=CardinalTemperatures(best_rate=2.30, lowest_c=4.9, best_c=41.3, highest_c=47.5, natural=True),
            valid_from_c=4.9,
            valid_to_c=47.5,
            validity="laboratory broth, no lag assumed",
            status="informative",
            source="Rosso et al. 1993",
        ),
        Organism(
            id="l-monocytogenes-1",
            name="Listeria monocytogenes",
            food="broth",
            decides=False,
            rate=CardinalTemperatures(best_rate=1.1, lowest_c=-1.72, best_c=37.0, highest_c=45.5, natural=True),
            valid_from_c=-1.72,
            valid_to_c=45.5,
            validity="laboratory broth, no lag assumed: faster than in food",
            status="informative",
            source="cardinal temperatures: Augustin et al. 2005; best rate within published 0.42-0.56 log10/h in broth "
            "at 37 C",
        ),
    )
}
