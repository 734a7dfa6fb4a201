# ruff: noqa: S608 - these texts are built from constants of this part and from ids of a profile, never from input
"""InfluxQL texts and the query objects that carry them into a dashboard. No query here ever invents a value.

Every query names its kitchen and bounds its time. Readings are asked for with ``"count" > 0`` and incidents by their
``"open"``, for what was withdrawn keeps its point with a count of 0 or an ``open`` of -1. Gaps stay gaps: series of
readings are filled with null and with nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models.common import DataSourceRef

DATASOURCE_UID = "pawon-influx"
MEASUREMENTS = frozenset({"temperature_c", "limit", "sensor", "incident", "gateway"})
# A sensor reports at least once a minute and its value holds for one and a half: in two minutes without a report
# there is nothing to show. Narrower steps would show a healthy sensor as a row of gaps.
STEP = "2m"

KITCHEN = '"kitchen" =~ /^$kitchen$/'
SENSOR = '"sensor" =~ /^$sensor$/'
VALID = '"count" > 0'
STANDING = '"open" >= 0'
# "Now" ends a little after the server's now, for clocks differ; a stamp from the far future must not look fresh.
NOT_FUTURE = "time < now() + 5m"

Format = Literal["time_series", "table"]


def datasource() -> DataSourceRef:
    """The one data source of all panels."""
    return DataSourceRef(type_val="influxdb", uid=DATASOURCE_UID)


@dataclass(frozen=True, slots=True, kw_only=True)
class InfluxQuery(Dataquery):
    """A raw InfluxQL query of a panel. ``alias`` may name tags as ``$tag_sensor``."""

    ref_id: str
    query: str
    result_format: Format = "time_series"
    alias: str = ""

    def to_json(self) -> dict[str, object]:
        """Grafana's shape of the query."""
        shape: dict[str, object] = {
            "refId": self.ref_id,
            "datasource": datasource(),
            "query": self.query,
            "rawQuery": True,
            "resultFormat": self.result_format,
        }
        return {**shape, "alias": self.alias} if self.alias else shape


@dataclass(frozen=True, slots=True, kw_only=True)
class InfluxAnnotation(Dataquery):
    """A raw InfluxQL query whose rows become marks on the panels."""

    query: str
    text_column: str
    tags_columns: tuple[str, ...]

    def to_json(self) -> dict[str, object]:
        """Grafana's shape of the query."""
        return {
            "refId": "Anno",
            "datasource": datasource(),
            "query": self.query,
            "rawQuery": True,
            "fromAnnotations": True,
            "textColumn": self.text_column,
            "tagsColumn": ",".join(self.tags_columns),
        }


@dataclass(frozen=True, slots=True)
class Ready(Builder[Dataquery]):
    """A query that is built already, for builders that want a builder."""

    query: Dataquery

    def build(self) -> Dataquery:
        """The query itself."""
        return self.query


def worst_temperature(point: str, direction: int) -> str:
    """The worst of each step at a control point: the highest where warmth spoils, the lowest where cooling does."""
    value = 'max("high")' if direction > 0 else 'min("low")'
    return _temperature(value, f"\"point\" = '{point}'")


def other_temperature(points: tuple[str, ...]) -> str:
    """The mean of each step at every place that has no panel of its own, sensors without any place among them."""
    return _temperature('mean("value")', f'"point" !~ /^({"|".join(points)})$/')


def _temperature(value: str, where: str) -> str:
    return (
        f'SELECT {value} FROM "temperature_c" WHERE {VALID} AND {where} AND {KITCHEN} AND {SENSOR} AND $timeFilter '
        'GROUP BY time($__interval), "sensor" fill(null)'
    )


def limits(point: str, severity: str) -> str:
    """The limits as the server judged by at that time; a line, so steps without a point need no null."""
    return (
        f'SELECT last("value") FROM "limit" WHERE "point" = \'{point}\' AND "quantity" = \'temperature_c\' '
        f"AND \"severity\" = '{severity}' AND {KITCHEN} AND {SENSOR} AND $timeFilter "
        'GROUP BY time($__interval), "rule" fill(none)'
    )


def last_temperatures() -> str:
    """The newest value of each sensor, also of one that has been silent for weeks."""
    return (
        f'SELECT last("value") AS "suhu", "point" FROM "temperature_c" WHERE {VALID} AND {KITCHEN} AND {SENSOR} '
        f'AND time > now() - 30d AND {NOT_FUTURE} GROUP BY "sensor"'
    )


def sensor_names() -> str:
    """What people call each sensor."""
    return (
        f'SELECT last("name") AS "nama" FROM "sensor" WHERE {KITCHEN} AND {SENSOR} '
        f'AND time > now() - 30d AND {NOT_FUTURE} GROUP BY "sensor"'
    )


def sensors_heard(since: str) -> str:
    """How many sensors reported a temperature since then; no row when none did."""
    return (
        'SELECT count("newest") FROM (SELECT last("value") AS "newest" FROM "temperature_c" '
        f'WHERE {VALID} AND {KITCHEN} AND {SENSOR} AND time > now() - {since} AND {NOT_FUTURE} GROUP BY "sensor")'
    )


_INCIDENT_NOW = (
    'SELECT last("open") AS "open", "worst", "limit_value", "id" FROM "incident" '
    f"WHERE {STANDING} AND {KITCHEN} AND {SENSOR} AND time > now() - 365d AND {NOT_FUTURE} "
    'GROUP BY "sensor", "rule", "kind", "severity"'
)


def open_incidents_count() -> str:
    """How many incidents are open now; no row when there never was one."""
    return f'SELECT sum("open") FROM ({_INCIDENT_NOW})'


def open_incidents() -> str:
    """The incidents that are open now, whenever they opened."""
    return f'SELECT "sensor", "rule", "severity", "worst", "limit_value", "id" FROM ({_INCIDENT_NOW}) WHERE "open" = 1'


def incidents() -> str:
    """The incidents that opened in the time shown."""
    return (
        'SELECT "sensor", "rule", "severity", "worst", "limit_value", "lasted_ms", "id" FROM "incident" '
        f'WHERE "open" = 1 AND {KITCHEN} AND {SENSOR} AND $timeFilter ORDER BY time DESC LIMIT 500'
    )


def incident_marks(is_open: int) -> str:
    """Openings (1) or closings (0) in the time shown."""
    return (
        f'SELECT "rule", "sensor", "severity", "id" FROM "incident" WHERE "open" = {is_open} '
        f"AND {KITCHEN} AND {SENSOR} AND $timeFilter"
    )


def gateway_series(value: str) -> str:
    """One figure of each gateway's batches, the worst or last of each step."""
    return (
        f'SELECT {value} FROM "gateway" WHERE {KITCHEN} AND $timeFilter '
        'GROUP BY time($__interval), "gateway" fill(null)'
    )


def last_gateways() -> str:
    """How each gateway stood when its newest batch came in."""
    return (
        'SELECT last("upto") AS "upto", "delay_ms", "clock", "error_ms", "refused" FROM "gateway" '
        f'WHERE {KITCHEN} AND time > now() - 30d AND {NOT_FUTURE} GROUP BY "gateway"'
    )


def kitchens() -> str:
    """The choices of the kitchen variable."""
    return 'SHOW TAG VALUES FROM "temperature_c", "gateway" WITH KEY = "kitchen"'


def sensors() -> str:
    """The choices of the sensor variable: sensors, and what else an incident may be about."""
    return f'SHOW TAG VALUES FROM "temperature_c", "incident" WITH KEY = "sensor" WHERE {KITCHEN}'
