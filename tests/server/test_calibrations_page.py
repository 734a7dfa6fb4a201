"""Checks of thermometers over the API and on a phone: read from the sensor, typed, judged, told, withdrawn."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from fastapi.testclient import TestClient
from tests.server.conftest import Bench
from tests.server.desk import ORIGIN, desk, hire, sign_in
from tests.server.sender import BOOT, Sender, temperature
from tests.server.test_calibrations import CALIBRATED, START_MS

from pawon_contract import codec
from pawon_contract.messages import Live, LiveValue
from pawon_server.store.address import Address
from pawon_server.store.database import open_store
from pawon_server.web.app import make_app
from pawon_server.web.board import Board
from pawon_server.web.calibrations_page import NUMBER
from pawon_server.web.events import Hub

MINUTE = 60_000
HERE = "/staff/calibrations"


@dataclass
class Phone:
    """The real application over a bench, its board told of every commit and of the live lane."""

    bench: Bench
    sender: Sender = field(default_factory=Sender)
    board: Board = field(init=False)
    client: TestClient = field(init=False)

    def __post_init__(self) -> None:
        hub, reader = Hub(), self.bench.store.reader
        self.board = Board(CALIBRATED, reader, demo=False, emit=hub.publish, utc_ms=lambda: self.bench.now_ms)
        self.board.load(self.bench.writer.projector)
        app = make_app(
            version="1", reader=reader, book=CALIBRATED, board=self.board, hub=hub, health=lambda: {"ok": True},
            metrics=dict, desk=desk(self.bench),
        )  # fmt: skip
        self.client = TestClient(app, follow_redirects=False)

    def reports(self, value: float, at_ms: int) -> None:
        """Chiller 1 reports; the record has it."""
        self.sender.add(temperature(value, at_ms))
        self.bench.now_ms = START_MS + at_ms
        self.bench.send(self.sender.batch(len(self.sender.rows), sent_ms=at_ms))
        self.board.load(self.bench.writer.projector)

    def live(self, value: float, at_ms: int) -> None:
        """A sample of chiller 1 on the live lane."""
        self.bench.now_ms = START_MS + at_ms
        values = [LiveValue(sensor="chiller-1", quantity="temperature_c", at_ms=at_ms, value=value)]
        self.board.heard_live("gw-1", codec.encode(Live(boot=BOOT, sent_ms=at_ms, values=values)))

    def tile(self) -> float | None:
        """What stands on chiller 1's tile."""
        return next(tile.value for tile in self.board.snapshot().tiles if tile.sensor == "chiller-1")

    def fill_in(self, name: str, **fields: str) -> int:
        """A form of a thermometer's page; what it answered."""
        answer = self.client.post(f"{HERE}/{name}", data=fields, headers=ORIGIN)
        self.board.load(self.bench.writer.projector)
        return answer.status_code

    def checks(self) -> list[tuple[object, ...]]:
        """What is written, oldest first."""
        return self.bench.rows("SELECT sensor, method, verdict, measured FROM calibration ORDER BY id")


@pytest.fixture
def phone(store_address: Address) -> Iterator[Phone]:
    """A kitchen with a cook and a nutritionist; the cook is signed in."""
    store = open_store(store_address)
    bench = Bench(store, CALIBRATED)
    bench.now_ms = START_MS
    hire(bench, "sari")
    hire(bench, "tono", "nutritionist")
    made = Phone(bench)
    sign_in(made.client, "sari")
    yield made
    bench.writer.stop()
    store.close()


def test_a_connected_sensor_is_read_and_not_typed(phone: Phone) -> None:
    """What is typed is not looked at; a second tap on the button is the same record; the page says what to do."""
    phone.reports(0.8, 5 * MINUTE)
    page = phone.client.get(f"{HERE}/chiller-1").text
    assert "0,8 °C" in page
    assert page.count('name="reading"') == 1, "only for what a certificate says"
    for _ in range(2):
        assert phone.fill_in("chiller-1", token="t", do="ice", ready="yes", reading="0") == 303
    assert phone.checks() == [("chiller-1", "ice", "adjust", 1)]
    page = phone.client.get(f"{HERE}/chiller-1").text
    assert "Dikoreksi" in page
    assert "+0,8 °C" in page
    assert "Sari" in page


def test_the_next_check_reads_the_sensor_itself(phone: Phone) -> None:
    """Values on tiles and in the record are corrected, live ones too; the check is of what the sensor says by itself,
    so that a second ice bath finds the same error and not a second one."""
    phone.reports(0.8, 5 * MINUTE)
    phone.fill_in("chiller-1", token="t", do="ice", ready="yes")
    phone.reports(0.9, 6 * MINUTE)
    assert phone.tile() == 0.1
    assert phone.board.measured("chiller-1") == 0.9
    phone.live(0.8, 6 * MINUTE + 1_000)
    assert phone.tile() == 0.0
    assert phone.board.measured("chiller-1") == 0.8
    assert phone.fill_in("chiller-1", token="u", do="ice", ready="yes") == 303
    assert phone.bench.rows("SELECT offset_c FROM calibration ORDER BY id") == [(-0.8,), (-0.8,)]
    assert phone.tile() == 0.0


def test_a_sensor_that_says_nothing_cannot_be_checked(phone: Phone) -> None:
    """No value, or an old one, is not what the ice says."""
    assert phone.fill_in("chiller-1", token="t", do="ice", ready="yes") == 409
    phone.reports(0.8, 5 * MINUTE)
    phone.bench.now_ms += 10 * MINUTE
    assert phone.fill_in("chiller-1", token="t", do="ice", ready="yes") == 409
    assert phone.checks() == []


@pytest.mark.parametrize(
    ("typed", "verdict"), [("0,3", "ok"), ("-0.9", "ok"), ("\N{MINUS SIGN}2,5", "adjust"), ("7", "reject")]
)
def test_a_hand_thermometer_is_typed_as_people_write(phone: Phone, typed: str, verdict: str) -> None:
    """With comma or point; its tolerance is a hand probe's."""
    assert phone.fill_in("tangan-1", token="t", do="ice", ready="yes", reading=typed) == 303
    assert phone.checks() == [("tangan-1", "ice", verdict, 0)]


@pytest.mark.parametrize(
    "fields",
    [
        {"do": "ice", "reading": "0"}, {"do": "ice", "ready": "yes", "reading": ""},
        {"do": "ice", "ready": "yes", "reading": "nol"}, {"do": "ice", "ready": "yes", "reading": "1e5"},
        {"do": "boiling", "reading": "97,5"}, {"do": "nothing", "reading": "0"}, {"reading": "0"},
        {"do": "comparison", "reading": "4", "true": "x", "reference": "acuan"},
    ],
)  # fmt: skip
def test_what_was_not_done_or_not_read_is_not_written(phone: Phone, fields: dict[str, str]) -> None:
    """Not stirred, nothing typed, no number, no such check: told beside the form, and what was typed stays."""
    assert phone.fill_in("tangan-1", token="t", **fields) == 422
    assert phone.checks() == []


def test_boiling_comparison_and_certificate(phone: Phone) -> None:
    """Each by its form; the boiling point is this kitchen's."""
    assert "97,5 °C" in phone.client.get(f"{HERE}/tangan-1").text
    phone.fill_in("tangan-1", token="a", do="boiling", ready="yes", reading="97,0")
    phone.fill_in("tangan-1", token="b", do="comparison", reading="4,0", true="4,2", reference="Acuan 1")
    phone.fill_in("tangan-1", token="c", do="comparison", reading="4,0", true="4,2", certificate="K-12", lab="Lab")
    assert [row[1:3] for row in phone.checks()] == [("boiling", "ok"), ("comparison", "ok"), ("certificate", "ok")]
    assert phone.fill_in("tangan-1", token="d", do="comparison", reading="4,0", true="4,2") == 409


def test_a_certificate_is_about_its_own_day(phone: Phone) -> None:
    """What a laboratory read is typed, also of a connected sensor, and counts from the day it was read."""
    phone.reports(3.0, 5 * MINUTE)
    form = {"token": "a", "do": "comparison", "reading": "4,9", "true": "4,1", "certificate": "K-12"}
    assert phone.fill_in("chiller-1", **form, day="2025-10-01", next="2025-12-01") == 303
    assert phone.bench.rows("SELECT performed_ms, next_ms, measured, verdict FROM calibration") == [
        (1_759_251_600_000, 1_764_522_000_000, 0, "adjust")
    ]
    assert phone.fill_in("chiller-1", **form, day="2030-01-01") == 409
    assert phone.fill_in("chiller-1", **form, day="2025-13-01") == 422


def test_only_who_may_withdraws(phone: Phone) -> None:
    """A cook sees no such form and is refused; a nutritionist withdraws with a reason, which the page then shows."""
    phone.fill_in("tangan-1", token="t", do="ice", ready="yes", reading="7")
    number = str(phone.bench.value("SELECT id FROM calibration"))
    assert "Batalkan catatan" not in phone.client.get(f"{HERE}/tangan-1").text
    form = {"token": "w", "do": "withdraw", "calibration": number, "reason": "bukan es <b>"}
    assert phone.fill_in("tangan-1", **form) == 403
    sign_in(phone.client, "tono")
    assert "Batalkan catatan" in phone.client.get(f"{HERE}/tangan-1").text
    assert phone.fill_in("tangan-1", **form) == 303
    assert "bukan es &lt;b&gt;" in phone.client.get(f"{HERE}/tangan-1").text


def test_the_list_says_how_each_thermometer_stands(phone: Phone) -> None:
    """Never checked, valid, overdue, rejected: in words, in both languages; strangers see nothing."""
    assert "belum pernah dikalibrasi" in phone.client.get(HERE).text
    phone.fill_in("tangan-1", token="t", do="ice", ready="yes", reading="0,2")
    assert 'data-thermometer="tangan-1" data-state="ok"' in phone.client.get(HERE).text
    phone.bench.now_ms += 8 * 24 * 60 * MINUTE
    sign_in(phone.client, "sari")
    assert 'data-thermometer="tangan-1" data-state="overdue"' in phone.client.get(HERE).text
    assert "calibration overdue" in phone.client.get(f"{HERE}?lang=en").text
    assert phone.client.get(f"{HERE}/nobody").status_code == 404
    phone.client.cookies.clear()
    assert phone.client.get(HERE).status_code == 303
    assert phone.client.get(f"{HERE}/tangan-1").status_code == 303


def test_the_api_writes_reads_and_withdraws(phone: Phone) -> None:
    """A record answers with what came of it; the lists say raw, calibration and state; no person is named."""
    phone.reports(0.8, 5 * MINUTE)
    made = phone.client.post("/api/v1/calibrations", json={"sensor": "chiller-1", "method": "ice"}, headers=ORIGIN)
    assert made.status_code == 200, made.text
    one = made.json()
    assert (one["verdict"], one["offset_c"], one["slope"], one["measured"]) == ("adjust", -0.8, 1.0, True)
    assert one["points"] == [{"reading_c": 0.8, "reference_c": 0.0}]
    assert one["due_at"] == "2026-04-07T08:58:20.000Z"
    assert phone.client.get("/api/v1/calibrations", params={"sensor": "chiller-1"}).json()["items"] == [one]
    assert "sari" not in phone.client.get("/api/v1/calibrations").text.lower()
    phone.reports(4.0, 6 * MINUTE)
    newest = phone.client.get("/api/v1/readings", params={"sensor": "chiller-1", "limit": 1}).json()["items"][0]
    assert (newest["value"], newest["raw"], newest["calibration"]) == (3.2, 4.0, one["id"])
    states = {row["sensor"]: row["calibration"] for row in phone.client.get("/api/v1/latest").json()["items"]}
    assert states["chiller-1"] == {"state": "ok", "due_at": one["due_at"]}
    assert states["chiller-2"] == {"state": "never", "due_at": None}
    assert states["scale-1"] is None
    away = f"/api/v1/calibrations/{one['id']}/withdraw"
    assert phone.client.post(away, json={"reason": "salah"}, headers=ORIGIN).status_code == 403
    sign_in(phone.client, "tono")
    assert phone.client.post(away, json={"reason": "salah"}, headers=ORIGIN).json()["withdrawn_at"]
    assert phone.client.post(away, json={"reason": "salah"}, headers=ORIGIN).status_code == 409


def test_the_api_refuses_in_words(phone: Phone) -> None:
    """Strangers, other sites, unknown thermometers, no numbers, and what no clock has reached."""
    url, body = "/api/v1/calibrations", {"sensor": "tangan-1", "method": "ice", "readings_c": [0.1]}
    assert phone.client.post(url, json=body).status_code == 403
    for change, status in (
        ({"sensor": "nobody"}, 409), ({"readings_c": [1, 2, 3]}, 422), ({"method": "guess"}, 422),
        ({"readings_c": None}, 409), ({"performed_at": "2199-01-01T00:00:00Z"}, 409),
        ({"performed_at": "2025-01-01T00:00:00"}, 422), ({"performed_at": "2025-10-01T00:00:00+07:00"}, 200),
        ({"by": "tono"}, 422),
    ):  # fmt: skip
        answer = phone.client.post(url, json=body | change, headers=ORIGIN)
        assert answer.status_code == status, (change, answer.text)
    assert phone.client.post(f"{url}/{2**63}/withdraw", json={"reason": "x"}, headers=ORIGIN).status_code == 422
    phone.client.cookies.clear()
    assert phone.client.post(url, json=body, headers=ORIGIN).status_code == 401


def test_an_incident_says_how_its_thermometer_was_calibrated(phone: Phone) -> None:
    """A warm chiller measured by a thermometer whose check is overdue: both are in the answer."""
    phone.bench.now_ms = START_MS
    body = {"sensor": "chiller-1", "method": "ice", "readings_c": [0.1], "performed_at": "2025-01-01T00:00:00Z"}
    assert phone.client.post("/api/v1/calibrations", json=body, headers=ORIGIN).status_code == 200
    sender = Sender(spool="d" * 20).add(*(temperature(9.0, n * MINUTE) for n in range(30)))
    phone.bench.now_ms = START_MS + 30 * MINUTE
    phone.bench.send(sender.batch(sent_ms=30 * MINUTE))
    (warm,) = phone.client.get("/api/v1/incidents", params={"severity": "critical"}).json()["items"]
    assert (warm["sensor"], warm["calibration"]) == ("chiller-1", "overdue")
    phone.bench.until(
        lambda: phone.bench.value("SELECT count(*) FROM incident WHERE kind = 'calibration'") == 1, "the clock's look"
    )
    told = phone.client.get("/api/v1/incidents", params={"kind": "calibration"}).json()["items"][0]
    assert (told["text"], told["severity"], told["name"]) == ("Kalibrasi terlambat", "warning", "Chiller 1")


def test_numbers_of_people() -> None:
    """Degrees and no more than degrees."""
    assert all(NUMBER.fullmatch(typed) for typed in ("0", "0,3", "-18.25", "+4", "\N{MINUS SIGN}2"))
    assert not any(NUMBER.fullmatch(typed) for typed in ("", "1,", "1e3", "nan", "0x1", "1.000,5", "٣", "9999"))
