"""Panels of temperatures: who reports, the newest values, and each control point with its limits."""

from __future__ import annotations

from grafana_foundation_sdk.builders import stat, table, timeseries
from grafana_foundation_sdk.builders.common import LineStyle
from grafana_foundation_sdk.builders.dashboard import FieldColor
from grafana_foundation_sdk.models import dashboard

from . import influxql, look

POINT_TITLES = {"chiller": "Chiller", "freezer": "Freezer", "hot-hold": "Makanan panas (hot hold)"}


def heard() -> stat.Panel:
    """How many sensors speak."""
    return look.stat_panel(
        "Sensor berkabar (5 menit)",
        "Sensor suhu yang mengirim kabar dalam 5 menit terakhir. Bandingkan dengan sensor yang dikenal.",
        influxql.sensors_heard("5m"),
        "0: SEMUA DIAM",
    ).thresholds(look.colors((None, look.CRITICAL_COLOR), (1, look.NEUTRAL_COLOR)))


def known() -> stat.Panel:
    """How many should."""
    return look.stat_panel(
        "Sensor dikenal (30 hari)",
        "Sensor suhu yang pernah berkabar dalam 30 hari terakhir.",
        influxql.sensors_heard("30d"),
        "0",
    ).thresholds(look.colors((None, look.NEUTRAL_COLOR)))


def last_values() -> table.Panel:
    """Each sensor's newest value with its age."""
    columns = {"sensor": "Sensor", "nama": "Nama", "point": "Tempat", "suhu": "Suhu", "Time 1": "Kabar terakhir"}
    return (
        table.Panel()
        .title("Kabar terakhir tiap sensor suhu")
        .description("Nilai terakhir dalam 30 hari dan usianya. Nilai yang tua bukan nilai sekarang.")
        .datasource(influxql.datasource())
        .with_target(look.table_query("A", influxql.last_temperatures()))
        .with_target(look.table_query("B", influxql.sensor_names()))
        .no_value("Belum ada kabar dari sensor mana pun")
        .with_transformation(
            dashboard.DataTransformerConfig(id_val="joinByField", options={"byField": "sensor", "mode": "outer"})
        )
        .with_transformation(look.columns(columns, hidden=("Time 2",)))
        .override_by_name("Suhu", [look.attribute("unit", "celsius"), look.attribute("decimals", 1)])
        .override_by_name("Tempat", [look.attribute("mappings", look.words(POINT_TITLES))])
        .override_by_name("Kabar terakhir", [look.attribute("unit", "dateTimeFromNow")])
    )


def temperature(point: str, direction: int) -> timeseries.Panel:
    """One control point: the worst of each step, and the limits of that time."""
    title = POINT_TITLES.get(point, point)
    side = "tertinggi" if direction > 0 else "terendah"
    description = (
        f"Suhu {side} tiap selang, supaya yang terburuk tetap terlihat pada rentang panjang. "
        "Garis putus-putus: batas yang berlaku saat itu. Garis terputus: tidak ada pengukuran."
    )
    return (
        look.series_panel(f"{title}: suhu {side}", description, "celsius")
        .decimals(1)
        .with_target(look.query("A", influxql.worst_temperature(point, direction), alias="$tag_sensor"))
        .with_target(look.query("B", influxql.limits(point, "warning"), alias="Batas $tag_rule"))
        .with_target(look.query("C", influxql.limits(point, "critical"), alias="Batas $tag_rule"))
        .override_by_query("B", _limit_line(look.WARNING_COLOR))
        .override_by_query("C", _limit_line(look.CRITICAL_COLOR))
    )


def _limit_line(color: str) -> list[dashboard.DynamicConfigValue]:
    """A thin dashed line."""
    return [
        look.attribute("color", FieldColor().mode(dashboard.FieldColorModeId.FIXED).fixed_color(color).build()),
        look.attribute("custom.lineStyle", LineStyle().fill("dash").dash([8, 6]).build()),
        look.attribute("custom.lineWidth", 1),
        look.attribute("custom.showPoints", "never"),
        look.attribute("custom.spanNulls", True),  # a limit holds between its points; a temperature does not
    ]


def other_temperature(points: tuple[str, ...]) -> timeseries.Panel:
    """Every sensor that has no panel above, so that none is hidden."""
    description = "Rata-rata tiap selang di tempat tanpa batas suhu, juga sensor yang belum dipasang pada suatu tempat."
    return (
        look.series_panel("Suhu di tempat lain", description, "celsius")
        .decimals(1)
        .with_target(look.query("A", influxql.other_temperature(points), alias="$tag_sensor"))
    )
