"""Panels of gateways: how late their rows come, how many, and how well they know the time."""

from __future__ import annotations

from grafana_foundation_sdk.builders import table, timeseries

from . import influxql, look

CLOCKS = {
    "synced": "Tepat",
    "server": "Tepat (dari server)",
    "rtc": "Jam sendiri, belum dicocokkan",
    "guess": "Perkiraan, akan dikoreksi",
}


def delay() -> timeseries.Panel:
    """How old the newest row was when it came."""
    description = "Usia baris terbaru saat kiriman tiba: besar berarti antrean di gerbang belum habis."
    return look.series_panel("Keterlambatan kiriman", description, "ms").with_target(
        look.query("A", influxql.gateway_series('max("delay_ms")'), alias="$tag_gateway")
    )


def stored_rows() -> timeseries.Panel:
    """How fast the record grows."""
    description = "Baris catatan yang tersimpan per menit. Tinggi setelah gangguan: antrean sedang dikejar."
    rate = 'non_negative_derivative(max("upto"), 1m)'
    return look.series_panel("Baris tersimpan per menit", description, "short").with_target(
        look.query("A", influxql.gateway_series(rate), alias="$tag_gateway")
    )


def clock_error() -> timeseries.Panel:
    """How wrong the times may be."""
    description = "Kesalahan jam gerbang yang mungkin, menurut gerbang sendiri."
    return look.series_panel("Kesalahan jam", description, "ms").with_target(
        look.query("A", influxql.gateway_series('max("error_ms")'), alias="$tag_gateway")
    )


def gateways() -> table.Panel:
    """Each gateway as its newest batch showed it."""
    columns = {
        "gateway": "Gerbang",
        "Time": "Kiriman terakhir",
        "upto": "Baris tersimpan",
        "delay_ms": "Keterlambatan",
        "clock": "Jam",
        "error_ms": "Kesalahan jam",
        "refused": "Kiriman ditolak",
    }
    return (
        table.Panel()
        .title("Gerbang saat kiriman terakhir")
        .datasource(influxql.datasource())
        .with_target(look.table_query("A", influxql.last_gateways()))
        .no_value("Belum ada kiriman dari gerbang mana pun")
        .with_transformation(look.columns(columns))
        .override_by_name("Kiriman terakhir", [look.attribute("unit", "dateTimeFromNow")])
        .override_by_name("Keterlambatan", [look.attribute("unit", "ms")])
        .override_by_name("Kesalahan jam", [look.attribute("unit", "ms")])
        .override_by_name("Jam", [look.attribute("mappings", look.words(CLOCKS))])
    )
