"""How every panel of ours looks: one kind of each panel, one set of colours, words instead of codes."""

from __future__ import annotations

from grafana_foundation_sdk.builders import stat, timeseries
from grafana_foundation_sdk.builders.common import ReduceDataOptions, VizLegendOptions, VizTooltipOptions
from grafana_foundation_sdk.builders.dashboard import ThresholdsConfig
from grafana_foundation_sdk.models import common, dashboard

from . import influxql
from .influxql import Format, InfluxQuery, Ready

# Colours that differ in brightness too: one man in twelve sees red and green alike. None is green: nothing here may
# look well for lack of data.
WARNING_COLOR = "orange"
CRITICAL_COLOR = "red"
NEUTRAL_COLOR = "blue"


def query(ref_id: str, text: str, *, alias: str = "", result_format: Format = "time_series") -> Ready:
    """A query of a panel: its letter, its InfluxQL, and how its series are called."""
    return Ready(InfluxQuery(ref_id=ref_id, query=text, alias=alias, result_format=result_format))


def table_query(ref_id: str, text: str) -> Ready:
    """A query whose rows stay rows."""
    return query(ref_id, text, result_format="table")


def stat_panel(title: str, description: str, text: str, nothing: str) -> stat.Panel:
    """One figure. ``text`` is its InfluxQL; ``nothing`` is what stands there when nobody knows."""
    return (
        stat.Panel()
        .title(title)
        .description(description)
        .datasource(influxql.datasource())
        .with_target(query("A", text))
        .no_value(nothing)
        .graph_mode(common.BigValueGraphMode.NONE)
        .reduce_options(ReduceDataOptions().calcs(["lastNotNull"]).values(False))
    )


def colors(*steps: tuple[float | None, str]) -> ThresholdsConfig:
    """From which value on which colour; ``None`` is the lowest."""
    rows = [dashboard.Threshold(value=value, color=color) for value, color in steps]
    return ThresholdsConfig().mode(dashboard.ThresholdsMode.ABSOLUTE).steps(rows)


def attribute(name: str, value: object) -> dashboard.DynamicConfigValue:
    """One setting of some of a panel's fields."""
    return dashboard.DynamicConfigValue(id_val=name, value=value)


def words(texts: dict[str, str]) -> list[dashboard.ValueMapping]:
    """Words for codes. A code without a word shows itself."""
    results = {key: dashboard.ValueMappingResult(text=text, index=n) for n, (key, text) in enumerate(texts.items())}
    return [dashboard.ValueMap(options=results)]


def columns(renamed: dict[str, str], *, hidden: tuple[str, ...] = ()) -> dashboard.DataTransformerConfig:
    """The columns of a table in this order under these titles."""
    options = {
        "excludeByName": dict.fromkeys(hidden, True),
        "indexByName": {name: place for place, name in enumerate(renamed)},
        "renameByName": renamed,
    }
    return dashboard.DataTransformerConfig(id_val="organize", options=options)


def series_panel(title: str, description: str, unit: str) -> timeseries.Panel:
    """Lines over time, broken where there is nothing."""
    return (
        timeseries.Panel()
        .title(title)
        .description(description)
        .datasource(influxql.datasource())
        .interval(influxql.STEP)
        .unit(unit)
        .no_value("Tidak ada data")
        .span_nulls(False)
        .line_width(2)
        .fill_opacity(0)
        .show_points(common.VisibilityMode.AUTO)
        .line_interpolation(common.LineInterpolation.LINEAR)
        .legend(
            VizLegendOptions()
            .show_legend(True)
            .display_mode(common.LegendDisplayMode.LIST)
            .placement(common.LegendPlacement.BOTTOM)
        )
        .tooltip(VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI))
    )
