"""Panels of incidents: what is open now, what opened in the time shown, and marks on every other panel."""

from __future__ import annotations

from grafana_foundation_sdk.builders import stat, table
from grafana_foundation_sdk.builders.common import TableSortByFieldState
from grafana_foundation_sdk.builders.dashboard import AnnotationQuery
from grafana_foundation_sdk.models import dashboard

from pawon_food_safety.profile import load_profile, shipped

from . import influxql, look
from .influxql import InfluxAnnotation, Ready

# Incidents that no limit opened: what is wrong with a sensor, or that nothing is heard. Others show their code.
OTHER_RULES = {
    "crc": "Sinyal sensor rusak",
    "disconnected": "Kabel sensor lepas",
    "gateway-silence": "Gerbang diam",
    "open": "Kabel sensor putus",
    "sensor-silence": "Sensor diam",
    "silent": "Sensor tidak menjawab",
    "stuck": "Angka tidak bergerak",
    "zeros": "Sensor kehilangan daya",
}
SEVERITIES = {"warning": "Peringatan", "critical": "Kritis"}


def mark(name: str, color: str, *, is_open: int) -> AnnotationQuery:
    """Marks on every panel where incidents opened or closed."""
    target = InfluxAnnotation(
        query=influxql.incident_marks(is_open), text_column="rule", tags_columns=("sensor", "severity", "id")
    )
    return (
        AnnotationQuery()
        .name(name)
        .datasource(influxql.datasource())
        .enable(True)
        .hide(False)
        .icon_color(color)
        .target(Ready(target))
    )


def open_count() -> stat.Panel:
    """How many are open, whatever time is shown."""
    return look.stat_panel(
        "Insiden terbuka sekarang",
        "Dihitung sekarang, tidak bergantung pada rentang waktu yang dipilih.",
        influxql.open_incidents_count(),
        "Belum pernah ada",
    ).thresholds(look.colors((None, look.NEUTRAL_COLOR), (1, look.CRITICAL_COLOR)))


def _rule_texts() -> dict[str, str]:
    """What each limit of any shipped profile says in Indonesian, and the rules that are no limits."""
    profiles = [load_profile(name) for name in sorted(shipped())]
    limits = {limit.id: limit.text_id for profile in profiles for limit in profile.limit}
    return dict(sorted({**OTHER_RULES, **limits}.items()))


def _incident_table(title: str, query: str, columns: dict[str, str], nothing: str) -> table.Panel:
    """A table of incidents with words for codes."""
    severity_colors = {
        "warning": dashboard.ValueMappingResult(text=SEVERITIES["warning"], color=look.WARNING_COLOR, index=0),
        "critical": dashboard.ValueMappingResult(text=SEVERITIES["critical"], color=look.CRITICAL_COLOR, index=1),
    }
    return (
        table.Panel()
        .title(title)
        .datasource(influxql.datasource())
        .with_target(look.table_query("A", query))
        .no_value(nothing)
        .with_transformation(look.columns(columns))
        .override_by_name("Aturan", [look.attribute("mappings", look.words(_rule_texts()))])
        .override_by_name(
            "Tingkat",
            [
                look.attribute("mappings", [dashboard.ValueMap(options=severity_colors)]),
                look.attribute("custom.cellOptions", {"type": "color-text"}),
            ],
        )
        .override_by_name("Terburuk", [look.attribute("unit", "celsius"), look.attribute("decimals", 1)])
        .override_by_name("Batas", [look.attribute("unit", "celsius"), look.attribute("decimals", 1)])
        .override_by_name("Lama", [look.attribute("unit", "ms"), look.attribute("noValue", "masih terbuka")])
    )


_INCIDENT_COLUMNS = {
    "Time": "Dibuka",
    "severity": "Tingkat",
    "sensor": "Sensor",
    "rule": "Aturan",
    "worst": "Terburuk",
    "limit_value": "Batas",
}


def open_incidents() -> table.Panel:
    """What is wrong now."""
    columns = {**_INCIDENT_COLUMNS, "id": "Nomor"}
    return _incident_table(
        "Insiden yang masih terbuka", influxql.open_incidents(), columns, "Tidak ada insiden terbuka"
    ).description("Termasuk yang dibuka sebelum rentang waktu yang dipilih.")


def incidents() -> table.Panel:
    """What went wrong in the time shown."""
    columns = {**_INCIDENT_COLUMNS, "lasted_ms": "Lama", "id": "Nomor"}
    return _incident_table(
        "Insiden dalam rentang waktu ini", influxql.incidents(), columns, "Tidak ada insiden yang dibuka"
    ).sort_by([TableSortByFieldState().display_name("Dibuka").desc(True)])
