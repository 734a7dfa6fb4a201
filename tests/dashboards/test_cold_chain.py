"""The dashboard "Rantai dingin": sound as JSON, the same every time, and every one of its queries answered truly.

The points come from the real exporter, the answers from a real InfluxDB; only Grafana itself is not there.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.dashboards.influx import ORG, TOKEN, Influx
from tests.dashboards.kitchen import MINUTE_MS, SENSORS, Kitchen, new_store

from pawon_dashboards import build, cli
from pawon_dashboards.queries import Query, every_query, filled_in
from pawon_dashboards.structure import problems
from pawon_food_safety.profile import load_profile
from pawon_server.export.influx import InfluxExporter

PROFILE = load_profile("ID-MBG")
STEP_MS = 2 * MINUTE_MS
Series = list[dict[str, Any]]


class Scene:
    """An hour in a kitchen, ending now, in InfluxDB. Its bounds are full steps, so that every step has two readings."""

    def __init__(self, influx: Influx, folder: Path) -> None:
        self.influx = influx
        influx.create("pawon")
        self.end_ms = time.time_ns() // 1_000_000 // STEP_MS * STEP_MS
        self.start_ms = self.end_ms - 60 * MINUTE_MS
        kitchen = Kitchen(new_store(folder))
        exporter = InfluxExporter(
            kitchen.engine,
            kitchen="dapur-a",
            url=influx.url,
            org=ORG,
            bucket="pawon",
            token=TOKEN,
            profile=PROFILE,
            sensors=SENSORS,
        )
        gap = range(20, 30)
        self._read(kitchen, "chiller-1", [n for n in range(60) if n not in gap], 3.0)
        self._read(kitchen, "freezer-1", list(range(60)), -18.0)
        self._read(kitchen, "hot-1", list(range(60)), 65.0)
        self._read(kitchen, "room-1", list(range(0, 40)), 28.0)
        # Stamped inside the gap by a clock that guessed, really from minute 50: the gap must stay a gap.
        kitchen.read("chiller-1", (self.at(25), 9.0, 9.0, 9.0), clock="guess", boot="boot-guess")
        kitchen.hear_gateway(self.at(10), 100, 40, "guess", 5000, 0)
        kitchen.open_incident("i-1", "chiller-1", "chiller-warm", "warning", self.at(4), worst=4.5, limit_value=4.0)
        exporter.step()
        kitchen.fix_clock("boot-guess", 25 * MINUTE_MS)
        kitchen.change_incident("i-1", closed_ms=self.at(12))
        kitchen.open_incident("i-2", "chiller-1", "chiller-hot", "critical", self.at(40), worst=9.0, limit_value=5.0)
        kitchen.open_incident("i-0", "hot-1", "hot-hold-cold", "critical", self.at(-600), worst=55.0, limit_value=60.0)
        kitchen.hear_gateway(self.at(20), 600, 90_000, "synced", 12, 1)
        exporter.step()
        other = Kitchen(kitchen.engine, "dapur-b")
        self._read(other, "chiller-9", [30], 40.0)
        other.open_incident("i-9", "chiller-9", "chiller-hot", "critical", self.at(30))
        InfluxExporter(
            kitchen.engine,
            kitchen="dapur-b",
            url=influx.url,
            org=ORG,
            bucket="pawon",
            token=TOKEN,
            profile=PROFILE,
            sensors={"chiller-9": ("Chiller", "chiller")},
        ).step()

    def _read(self, kitchen: Kitchen, sensor: str, minutes: list[int], value: float) -> None:
        """Every minute another tenth of a degree, up and down, and 0.5 to either side since the report before."""
        rows = [(self.at(n), value + n % 2 / 10, value - 0.5, value + n % 2 / 10 + 0.5) for n in minutes]
        kitchen.read(sensor, *rows)

    def at(self, minute: int) -> int:
        """The time of a minute of this hour."""
        return self.start_ms + minute * MINUTE_MS

    def ask(self, query: Query, kitchen: str = "dapur-a", sensor: str = ".*") -> Series:
        """What Grafana would get."""
        until = self.end_ms - 1
        shown = {"timeFilter": f"time >= {self.start_ms}ms and time <= {until}ms", "__interval": f"{STEP_MS}ms"}
        return self.influx.query("pawon", filled_in(query.text, {**shown, "kitchen": kitchen, "sensor": sensor}))

    def steps(self, value: Callable[[int], object]) -> list[list[object]]:
        """A value for each step, by the step's first minute."""
        return [[self.at(minute), value(minute)] for minute in range(0, 60, 2)]


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    influx = Influx(tmp_path_factory.mktemp("influx"))
    yield Scene(influx, tmp_path_factory.mktemp("store"))
    influx.close()


@pytest.fixture(scope="module")
def board() -> dict[str, Any]:
    return build.dashboard_json(PROFILE)


def lines(found: Series, tag: str) -> dict[str, list[list[Any]]]:
    """The values of each series by one of its tags."""
    return {series["tags"][tag]: series["values"] for series in found}


def rows(found: Series) -> list[dict[str, Any]]:
    """The rows of a table, their tags among the columns, as Grafana's table format shows them."""
    return [
        {**series.get("tags", {}), **dict(zip(series["columns"], values, strict=True))}
        for series in found
        for values in series["values"]
    ]


def chiller(scene: Scene) -> list[list[object]]:
    def worst(minute: int) -> float | None:
        return None if 20 <= minute < 30 else 9.0 if minute == 50 else 3.6

    return scene.steps(worst)


def limit_lines(found: Series) -> dict[str, float]:
    """Each rule's limit; its line must reach through the hour."""
    for series in found:
        assert len(series["values"]) >= 10
    values = {series["tags"]["rule"]: {value for _, value in series["values"]} for series in found}
    assert all(len(each) == 1 for each in values.values())
    return {rule: each.pop() for rule, each in values.items()}


def check_chiller(scene: Scene, found: Series) -> None:
    assert lines(found, "sensor") == {"chiller-1": chiller(scene)}


def check_freezer(scene: Scene, found: Series) -> None:
    assert lines(found, "sensor") == {"freezer-1": scene.steps(lambda _: -17.4)}


def check_hot(scene: Scene, found: Series) -> None:
    assert lines(found, "sensor") == {"hot-1": scene.steps(lambda _: 64.5)}


def check_other(scene: Scene, found: Series) -> None:
    [values] = lines(found, "sensor").values()
    assert [(at_ms, value and round(value, 3)) for at_ms, value in values] == [
        (at_ms, value) for at_ms, value in scene.steps(lambda minute: 28.05 if minute < 40 else None)
    ]


def check_limits(**expected: float) -> Callable[[Scene, Series], None]:
    named = {rule.replace("_", "-"): value for rule, value in expected.items()}

    def check(_scene: Scene, found: Series) -> None:
        assert limit_lines(found) == named

    return check


def check_last_values(scene: Scene, found: Series) -> None:
    assert {row["sensor"]: (row["time"], row["suhu"], row["point"]) for row in rows(found)} == {
        "chiller-1": (scene.at(59), 3.1, "chiller"),
        "freezer-1": (scene.at(59), -17.9, "freezer"),
        "hot-1": (scene.at(59), 65.1, "hot-hold"),
        "room-1": (scene.at(39), 28.1, None),
    }


def check_names(_scene: Scene, found: Series) -> None:
    assert {row["sensor"]: row["nama"] for row in rows(found)} == {key: name for key, (name, _) in SENSORS.items()}


def check_count(expected: int) -> Callable[[Scene, Series], None]:
    def check(_scene: Scene, found: Series) -> None:
        assert [row[1] for series in found for row in series["values"]] == [expected]

    return check


def check_open(scene: Scene, found: Series) -> None:
    assert {
        (r["time"], r["sensor"], r["rule"], r["severity"], r["worst"], r["limit_value"], r["id"]) for r in rows(found)
    } == {
        (scene.at(-600), "hot-1", "hot-hold-cold", "critical", 55.0, 60.0, "i-0"),
        (scene.at(40), "chiller-1", "chiller-hot", "critical", 9.0, 5.0, "i-2"),
    }


def check_incidents(scene: Scene, found: Series) -> None:
    assert [(row["time"], row["id"], row["rule"], row["severity"], row["lasted_ms"]) for row in rows(found)] == [
        (scene.at(40), "i-2", "chiller-hot", "critical", None),
        (scene.at(4), "i-1", "chiller-warm", "warning", 8 * MINUTE_MS),
    ]


def check_marks(*expected: tuple[int, str]) -> Callable[[Scene, Series], None]:
    def check(scene: Scene, found: Series) -> None:
        assert [(row["time"], row["rule"]) for row in rows(found)] == [(scene.at(at), rule) for at, rule in expected]

    return check


def check_gateway(**at_minute: float) -> Callable[[Scene, Series], None]:
    expected = {int(name[1:]): value for name, value in at_minute.items()}

    def check(scene: Scene, found: Series) -> None:
        [values] = lines(found, "gateway").values()
        assert values == scene.steps(expected.get)

    return check


def check_rows_a_minute(scene: Scene, found: Series) -> None:
    assert lines(found, "gateway") == {"gw-1": [[scene.at(20), 50.0]]}


def check_gateways(scene: Scene, found: Series) -> None:
    named = {"gateway": "gw-1", "time": scene.at(20), "upto": 600, "delay_ms": 90_000}
    assert rows(found) == [{**named, "clock": "synced", "error_ms": 12, "refused": 1}]


def check_choices(*expected: str) -> Callable[[Scene, Series], None]:
    def check(_scene: Scene, found: Series) -> None:
        assert {row["value"] for row in rows(found)} == set(expected)

    return check


# Every query by owner and letter. One without an entry here, or an entry without a query, is a failure.
EXPECTED: dict[tuple[str, str], Callable[[Scene, Series], None]] = {
    ("Insiden terbuka sekarang", "A"): check_count(2),
    ("Sensor berkabar (5 menit)", "A"): check_count(3),
    ("Sensor dikenal (30 hari)", "A"): check_count(4),
    ("Insiden yang masih terbuka", "A"): check_open,
    ("Kabar terakhir tiap sensor suhu", "A"): check_last_values,
    ("Kabar terakhir tiap sensor suhu", "B"): check_names,
    ("Chiller: suhu tertinggi", "A"): check_chiller,
    ("Chiller: suhu tertinggi", "B"): check_limits(chiller_warm=4.0),
    ("Chiller: suhu tertinggi", "C"): check_limits(chiller_hot=5.0, chiller_very_hot=8.0),
    ("Freezer: suhu tertinggi", "A"): check_freezer,
    ("Freezer: suhu tertinggi", "B"): check_limits(freezer_soft=-15.0),
    ("Freezer: suhu tertinggi", "C"): check_limits(freezer_hot=-12.0, freezer_thawed=-5.0),
    ("Makanan panas (hot hold): suhu terendah", "A"): check_hot,
    ("Makanan panas (hot hold): suhu terendah", "B"): check_limits(hot_hold_cool=63.0),
    ("Makanan panas (hot hold): suhu terendah", "C"): check_limits(hot_hold_cold=60.0),
    ("Suhu di tempat lain", "A"): check_other,
    ("Insiden dalam rentang waktu ini", "A"): check_incidents,
    ("Keterlambatan kiriman", "A"): check_gateway(m10=40, m20=90_000),
    ("Baris tersimpan per menit", "A"): check_rows_a_minute,
    ("Kesalahan jam", "A"): check_gateway(m10=5000, m20=12),
    ("Gerbang saat kiriman terakhir", "A"): check_gateways,
    ("Insiden dibuka", "Anno"): check_marks((4, "chiller-warm"), (40, "chiller-hot")),
    ("Insiden selesai", "Anno"): check_marks((12, "chiller-warm")),
    ("kitchen", ""): check_choices("dapur-a", "dapur-b"),
    ("sensor", ""): check_choices("chiller-1", "freezer-1", "hot-1", "room-1"),
}


def test_every_query_of_the_dashboard_has_an_expected_answer(board: dict[str, Any]) -> None:
    """No panel, mark or variable goes untested."""
    asked = [(query.owner, query.ref_id) for query in every_query(board)]
    assert len(asked) == len(set(asked))
    assert set(asked) == set(EXPECTED)


@pytest.mark.parametrize("named", EXPECTED, ids=" ".join)
def test_a_query_answers_what_happened(scene: Scene, board: dict[str, Any], named: tuple[str, str]) -> None:
    """The real database gives this query the values of the scene: gaps as null, nothing of another kitchen."""
    [query] = [query for query in every_query(board) if (query.owner, query.ref_id) == named]
    EXPECTED[named](scene, scene.ask(query))


def test_an_empty_kitchen_shows_nothing_at_all(scene: Scene, board: dict[str, Any]) -> None:
    """Where nobody measured, no query makes up a value, a zero, or a line."""
    for query in every_query(board):
        if query.owner != "kitchen":
            assert scene.ask(query, kitchen="dapur-c") == [], query


def test_one_sensor_may_be_chosen(scene: Scene, board: dict[str, Any]) -> None:
    """The sensor variable narrows every temperature panel."""
    for query in every_query(board):
        if query.kind == "panel" and query.ref_id == "A" and "suhu terendah" in query.owner:
            assert scene.ask(query, sensor="(chiller-1|freezer-1)") == []
            assert len(scene.ask(query, sensor="(chiller-1|hot-1)")) == 1


def test_the_dashboard_is_sound(board: dict[str, Any]) -> None:
    """Places, numbers, data source, variables, bounds in time and gaps are as Grafana and the kitchen need them."""
    assert problems(board) == []


def _spoil(board: dict[str, Any], how: str) -> None:
    panel: dict[str, Any] = next(each for each in board["panels"] if each["type"] == "timeseries")
    target = panel["targets"][0]
    if how == "lies over":
        panel["gridPos"]["y"] = 1
    elif how == "used twice":
        panel["id"] = board["panels"][0]["id"]
    elif how == "nobody's variable":
        target["query"] += " $place"
    elif how == "nobody measured":
        target["query"] = target["query"].replace("fill(null)", "fill(previous)")
    elif how == "over a gap":
        panel["fieldConfig"]["defaults"]["custom"]["spanNulls"] = True
    elif how == "withdrawn readings":
        target["query"] = target["query"].replace('"count" > 0 AND ', "")
    elif how == "every kitchen":
        target["query"] = target["query"].replace("$kitchen", ".*")
    elif how == "no bound in time":
        target["query"] = target["query"].replace(" AND $timeFilter", "")
    elif how == "does not write":
        target["query"] = target["query"].replace("temperature_c", "temperature")
    elif how == "not from data source":
        target["datasource"]["uid"] = "another"
    elif how == "not raw":
        target["rawQuery"] = False
    elif how == "when there is no data":
        panel["fieldConfig"]["defaults"].pop("noValue")


@pytest.mark.parametrize(
    "how",
    [
        "lies over",
        "used twice",
        "nobody's variable",
        "nobody measured",
        "over a gap",
        "withdrawn readings",
        "every kitchen",
        "no bound in time",
        "does not write",
        "not from data source",
        "not raw",
        "when there is no data",
    ],
)
def test_the_check_finds_each_fault(board: dict[str, Any], how: str) -> None:
    """A check that cannot fail checks nothing: each fault put in by hand is named."""
    spoiled = copy.deepcopy(board)
    _spoil(spoiled, how)
    assert any(how in problem for problem in problems(spoiled))


def test_the_same_code_gives_the_same_bytes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two builds are equal to the byte, so that a difference in a dashboard is a difference in the code."""
    for name in ("one", "two"):
        assert cli.main(["build", "--out", str(tmp_path / name)]) == 0
    first, second = (
        {path.relative_to(tmp_path / name): path.read_bytes() for path in (tmp_path / name).rglob("*.*")}
        for name in ("one", "two")
    )
    assert first == second
    assert len(first) == 3
    assert len(capsys.readouterr().out.splitlines()) == 6


def test_provisioning_holds_no_secret_and_fits_the_dashboard(board: dict[str, Any]) -> None:
    """The data source that the panels name is the one provisioned, over InfluxDB 2's address for InfluxQL."""
    files = build.files(PROFILE)
    [source] = yaml.safe_load(files["provisioning/datasources/pawon.yaml"])["datasources"]
    assert source["uid"] == board["panels"][1]["datasource"]["uid"]
    assert source["type"] == board["panels"][1]["datasource"]["type"]
    assert source["jsonData"]["version"] == "InfluxQL"
    assert source["jsonData"]["httpHeaderName1"] == "Authorization"
    assert source["secureJsonData"] == {"httpHeaderValue1": "Token $PAWON_INFLUX_TOKEN"}
    [provider] = yaml.safe_load(files["provisioning/dashboards/pawon.yaml"])["providers"]
    assert provider["options"]["path"] == build.DASHBOARDS_FOLDER


def test_check_tells_a_wrong_profile(capsys: pytest.CaptureFixture[str]) -> None:
    """A profile that does not exist is said, not shown as a stack of calls."""
    assert cli.main(["--profile", "NOWHERE", "check"]) == 2
    assert "NOWHERE" in capsys.readouterr().err
    assert cli.main(["check"]) == 0
