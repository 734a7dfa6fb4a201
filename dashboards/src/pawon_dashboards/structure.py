"""What must hold for a dashboard's JSON before Grafana sees it. Returns every problem; never stops at the first."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from .influxql import DATASOURCE_UID, MEASUREMENTS
from .queries import Query, every_query, panels

GRID_COLUMNS = 24
# What Grafana itself puts into a query.
BUILT_IN = frozenset({"timeFilter", "__interval"})
_VARIABLE = re.compile(r"\$([A-Za-z_]\w*)")
_FROM = re.compile(r'FROM ("\w+"(?:, "\w+")*)')


def problems(dashboard: Mapping[str, Any]) -> list[str]:
    """Every reason why this dashboard would not work, or would show what nobody measured."""
    found = [
        f"{key} is missing" for key in ("uid", "title", "schemaVersion", "time", "refresh") if not dashboard.get(key)
    ]
    found += _places(dashboard)
    for panel in panels(dashboard):
        found += _panel(panel)
    known = BUILT_IN | {variable["name"] for variable in dashboard.get("templating", {}).get("list", ())}
    for query in every_query(dashboard):
        found += (f"{query.owner} {query.ref_id}: {problem}" for problem in _query(query, known))
    return found


def _places(dashboard: Mapping[str, Any]) -> Iterator[str]:
    """Panels and rows with a number and a place of their own."""
    numbers: set[int] = set()
    taken: dict[tuple[int, int], str] = {}
    rows = [panel for panel in dashboard.get("panels", ()) if panel["type"] == "row"]
    for panel in (*rows, *panels(dashboard)):
        title = panel.get("title") or "a panel without title"
        number = panel.get("id")
        if number is None or number in numbers:
            yield f"{title}: id {number} is missing or used twice"
        numbers.add(number)
        left, top, width, height = (panel["gridPos"][key] for key in "xywh")
        if left < 0 or left + width > GRID_COLUMNS:
            yield f"{title}: beyond the {GRID_COLUMNS} columns"
        cells = [(x, y) for x in range(left, left + width) for y in range(top, top + height)]
        for other in sorted({taken[cell] for cell in cells if cell in taken}):
            yield f"{title}: lies over {other}"
        taken.update(dict.fromkeys(cells, title))


def _panel(panel: Mapping[str, Any]) -> Iterator[str]:
    title = panel.get("title", "")
    letters = [target["refId"] for target in panel.get("targets", ())]
    if not letters:
        yield f"{title}: asks nothing"
    if len(letters) != len(set(letters)):
        yield f"{title}: a query letter is used twice"
    for owner in (panel, *panel.get("targets", ())):
        if owner.get("datasource", {}).get("uid") != DATASOURCE_UID:
            yield f"{title}: not from data source {DATASOURCE_UID}"
    for target in panel.get("targets", ()):
        if target.get("rawQuery") is not True:
            yield f"{title}: query {target['refId']} is not raw"
    defaults = panel.get("fieldConfig", {}).get("defaults", {})
    if not defaults.get("noValue"):
        yield f"{title}: says nothing when there is no data"
    if panel["type"] == "timeseries" and defaults.get("custom", {}).get("spanNulls") is not False:
        yield f"{title}: draws a line over a gap"


def _query(query: Query, known: frozenset[str]) -> Iterator[str]:
    text = query.text
    for name in sorted(set(_VARIABLE.findall(text)) - known):
        yield f"${name} is nobody's variable"
    for names in _FROM.findall(text):
        for name in sorted(set(names.replace('"', "").split(", ")) - MEASUREMENTS):
            yield f"asks {name}, which the exporter does not write"
    if query.kind != "variable" and "$timeFilter" not in text and "time > now() - " not in text:
        yield "has no bound in time"
    if query.owner != "kitchen" and "$kitchen" not in text:
        yield "asks every kitchen"
    if 'FROM "temperature_c" WHERE' in text and '"count" > 0' not in text:
        yield "shows withdrawn readings"
    if 'FROM "incident" WHERE' in text and not re.search(r'WHERE "open" (= 1|= 0|>= 0)', text):
        yield "shows withdrawn incidents"
    for fill in re.findall(r"fill\((\w+)\)", text):
        if fill not in ("null", "none") or (fill == "none" and 'FROM "limit"' not in text):
            yield f"fill({fill}) shows what nobody measured or hides a gap"
