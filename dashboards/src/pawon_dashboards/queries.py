"""Every query of a dashboard as Grafana will read it: from its JSON, so that none can be forgotten."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["panel", "annotation", "variable"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One query: what it is for (a panel's or annotation's title, a variable's name), its letter, its InfluxQL."""

    kind: Kind
    owner: str
    ref_id: str
    text: str


def panels(dashboard: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Every panel that shows data, those inside rows too."""
    for panel in dashboard.get("panels", ()):
        if panel["type"] == "row":
            yield from panel.get("panels", ())
        else:
            yield panel


def every_query(dashboard: Mapping[str, Any]) -> Iterator[Query]:
    """Every query of the dashboard with its template variables still in it."""
    for panel in panels(dashboard):
        for target in panel.get("targets", ()):
            yield Query(kind="panel", owner=panel["title"], ref_id=target["refId"], text=target["query"])
    for mark in dashboard.get("annotations", {}).get("list", ()):
        target = mark["target"]
        yield Query(kind="annotation", owner=mark["name"], ref_id=target["refId"], text=target["query"])
    for variable in dashboard.get("templating", {}).get("list", ()):
        if variable["type"] == "query":
            yield Query(kind="variable", owner=variable["name"], ref_id="", text=variable["query"])


def filled_in(text: str, values: Mapping[str, str]) -> str:
    """The query with ``$name`` replaced by its value, the longest names first as Grafana does."""
    for name in sorted(values, key=len, reverse=True):
        text = text.replace(f"${name}", values[name])
    return text
