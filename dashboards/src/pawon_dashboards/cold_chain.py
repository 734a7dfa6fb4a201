"""The dashboard "Rantai dingin": is everything cold (or hot) enough, what is wrong, and can the figures be believed.

Nothing is green for lack of data: what is not there is named in words, and lines break where nobody measured.
"""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard, QueryVariable, Row, TimePicker
from grafana_foundation_sdk.models import dashboard

from pawon_food_safety.profile import Profile

from . import gateways, incidents, influxql, look, temperatures

UID = "pawon-rantai-dingin"
TITLE = "Rantai dingin"


def cold_chain(profile: Profile) -> dashboard.Dashboard:
    """The dashboard; ``profile`` says on which side the limits of the cold chain's points lie."""
    directions: dict[str, int] = {}
    for limit in profile.limit:
        # Elsewhere somebody measures now and then: a panel of its own would stand empty.
        if limit.quantity == "temperature_c" and limit.point in temperatures.POINT_TITLES:
            directions.setdefault(limit.point, limit.direction)
    board = (
        Dashboard(TITLE)
        .uid(UID)
        .description(
            "Suhu dengan batasnya, insiden, dan kesehatan gerbang. Dibuat oleh kode: ubah di sana, bukan di sini."
        )
        .tags(["pawon"])
        .readonly()
        .tooltip(dashboard.DashboardCursorSync.CROSSHAIR)
        .time("now-24h", "now")
        .timepicker(TimePicker().refresh_intervals(["10s", "30s", "1m", "5m", "15m"]))
        .refresh("30s")
        .timezone("browser")
        .week_start("monday")
        .with_variable(_kitchen())
        .with_variable(_sensor())
        .annotation(incidents.mark("Insiden dibuka", look.CRITICAL_COLOR, is_open=1))
        .annotation(incidents.mark("Insiden selesai", look.NEUTRAL_COLOR, is_open=0))
    )
    board = board.with_row(Row("Sekarang"))
    for now in (incidents.open_count(), temperatures.heard(), temperatures.known()):
        board = board.with_panel(now.height(5).span(4))
    board = board.with_panel(incidents.open_incidents().height(5).span(12))
    board = board.with_panel(temperatures.last_values().height(8).span(24))
    board = board.with_row(Row("Suhu dan batasnya"))
    for point, direction in directions.items():
        board = board.with_panel(temperatures.temperature(point, direction).height(10).span(12))
    left_over = 24 if len(directions) % 2 == 0 else 12
    board = board.with_panel(temperatures.other_temperature(tuple(directions)).height(10).span(left_over))
    board = board.with_row(Row("Insiden")).with_panel(incidents.incidents().height(9).span(24))
    board = board.with_row(Row("Gerbang"))
    for panel in (gateways.delay(), gateways.stored_rows(), gateways.clock_error()):
        board = board.with_panel(panel.height(8).span(8))
    built = board.with_panel(gateways.gateways().height(6).span(24)).build()
    for number, placed in enumerate(built.panels or [], start=1):
        placed.id_val = number  # links to a panel keep their number as long as the order stays
    return built


def _kitchen() -> QueryVariable:
    return (
        QueryVariable("kitchen")
        .label("Dapur")
        .datasource(influxql.datasource())
        .query(influxql.kitchens())
        .refresh(dashboard.VariableRefresh.ON_DASHBOARD_LOAD)
        .sort(dashboard.VariableSort.ALPHABETICAL_ASC)
    )


def _sensor() -> QueryVariable:
    return (
        QueryVariable("sensor")
        .label("Sensor")
        .datasource(influxql.datasource())
        .query(influxql.sensors())
        .refresh(dashboard.VariableRefresh.ON_DASHBOARD_LOAD)
        .sort(dashboard.VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        .include_all(True)
        .all_value(".*")
        .current(dashboard.VariableOption(selected=True, text="All", value="$__all"))
    )
