"""Rows for tests of the rules, with numbers that are easy to reckon with. Not a test by itself."""

from __future__ import annotations

from typing import Any

from pawon_food_safety.rows import Buffer, Defrost, Limit, Rate, Spike, Stuck

MINUTE = 60_000
SAID: dict[str, Any] = {
    "severity": "warning", "text_id": "Teks", "text_en": "Text", "action_id": "Aksi", "action_en": "Action",
}  # fmt: skip


def limit(**given: Any) -> Limit:
    """Above 5 C for an hour; over below 4.5 C for five minutes."""
    row: dict[str, Any] = {
        **SAID, "id": "hot", "point": "chiller", "quantity": "temperature_c", "severity": "critical", "above": 5.0,
        "unit": "C", "delay_s": 3600, "hysteresis": 0.5, "clear_s": 300,
    }  # fmt: skip
    return Limit(**{**row, **given})


RISE = Rate(**SAID, id="rise", point="chiller", change_c=2.0, within_s=900, door_rest_s=600)
FALL = Rate(**SAID, id="fall", point="hot-hold", change_c=-3.0, within_s=600)
BUFFER = Buffer(point="freezer", tau_s=2700)
DEFROST = Defrost(**SAID, id="often", point="freezer", onset_c_per_min=0.5, longest_s=2700, ceiling_c=6.0, most_a_day=6)
STUCK = Stuck(**SAID, id="stuck", point="chiller", within_c=0.06, for_s=6 * 3600)
SPIKE = Spike(**SAID, id="spike", point="chiller", jump_c=10.0, most_a_day=3)
FREEZER = (
    limit(id="soft", point="freezer", severity="warning", above=-15.0, hysteresis=1.0, clear_s=600),
    limit(id="hot", point="freezer", above=-12.0, delay_s=1800, hysteresis=1.0, clear_s=600),
)
