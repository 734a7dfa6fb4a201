"""Cooked batches on a phone: what comes next is one tap, and what cannot be says why beside its button."""

from __future__ import annotations

import re

import pytest
from fastapi.testclient import TestClient
from tests.server.conftest import Bench
from tests.server.desk import ORIGIN, hire
from tests.server.test_staff import browser, enter

from pawon_server.web.batch_pages import PATH

# 2025-10-09 16:10 in the kitchen.
DAY, NOW_MS = "2025-10-09", 1_760_001_000_000
OPEN = {"do": "batch.open", "dish": "Ayam kecap", "wave": "1", "day": DAY, "portions": "300",
        "schools": "SD 1 = 120\nSD 2 = 80", "began": "15:00"}  # fmt: skip


@pytest.fixture
def client(bench: Bench) -> TestClient:
    """The phone of a cook who has signed in."""
    hire(bench, "sari")
    made = browser(bench)
    enter(made, "sari")
    return made


def send(client: TestClient, **fields: str) -> tuple[int, str]:
    """What the page answers to a form."""
    token = re.search(r'name="token" value="(\w+)"', client.get(PATH).text)
    assert token is not None
    answer = client.post(PATH, data={"token": token[1], **fields}, headers=ORIGIN)
    return answer.status_code, answer.text


def test_strangers_see_no_batches(bench: Bench) -> None:
    """The page leads them to the sign-in."""
    answer = browser(bench).get(PATH)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/staff/login?next={PATH}")


def test_a_morning_of_taps(bench: Bench, client: TestClient) -> None:
    """Each next step is a button that needs nothing typed; at the end nothing waits."""
    assert send(client, **OPEN)[0] == 303
    (name,) = bench.rows("SELECT id FROM batch")[0]
    for what, more, state in (
        ("batch.cooked", {}, "cooked"), ("batch.pack", {}, "packed"), ("batch.leave", {}, "left"),
        ("batch.arrive", {"school": "SD 1"}, "arrived"), ("batch.eaten", {"school": "SD 1"}, "arrived"),
        ("batch.arrive", {"school": "SD 2"}, "arrived"), ("batch.eaten", {"school": "SD 2"}, "arrived"),
        ("batch.eaten", {"school": ""}, "eaten"),
    ):  # fmt: skip
        assert f'value="{what}:{name}"' in client.get(PATH).text, what
        assert send(client, do=f"{what}:{name}", **more)[0] == 303
        assert bench.value("SELECT state FROM batch") == state
    assert bench.value("SELECT count(*) FROM act WHERE person = 'sari' AND what LIKE 'batch.%'") == 9


def test_a_form_sent_twice_is_one_act(bench: Bench, client: TestClient) -> None:
    """A double tap opens one batch."""
    for _ in range(2):
        assert client.post(PATH, data={"token": "a" * 24, **OPEN}, headers=ORIGIN).status_code == 303
    assert bench.value("SELECT count(*) FROM batch") == 1


def test_all_else_is_written_too(bench: Bench, client: TestClient) -> None:
    """Times are the kitchen's, numbers have commas; sample, hold, trip and correction of a count."""
    send(client, **OPEN)
    (name,) = bench.rows("SELECT id FROM batch")[0]
    for what, more in (
        ("batch.cooked", {"at": "16:00", "core_c": "81,5", "pan": "1"}),
        ("batch.sample", {"mass_g": "150", "container": "tutup biru"}),
        ("batch.leave", {"schools": "SD 1\nSD 2", "vehicle": "B 1 XX", "first_c": "65,5"}),
        ("batch.dispose", {"decision": "hold", "school": "*", "portions": "10", "reason": "tumpah"}),
        ("batch.eaten", {"school": "SD 2", "portions": "70"}),
        ("batch.eaten", {"school": "SD 2", "portions": "60", "replaces": "1"}),
    ):
        assert send(client, do=f"{what}:{name}", at=more.pop("at", ""), **more) == (303, ""), what
    assert bench.value("SELECT cooked_ms FROM batch") == NOW_MS - 10 * 60_000
    one = client.get(f"/api/v1/batches/{name}").json()
    assert [(row["school"], row["remaining"], row["held"]) for row in one["schools"]] == [
        ("SD 1", 120, 10), ("SD 2", 20, 0), ("", 100, 0),
    ]  # fmt: skip
    (kept,) = bench.rows("SELECT id FROM sample")[0]
    status, page = send(client, do=f"sample.discard:{name}", sample=str(kept), reason="penuh", early="1")
    assert (status, "belum cukup lama" in page) == (409, True)


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"do": "batch.eaten", "school": "SD 1"}, 409),  # not cooked yet
        ({"do": "batch.cooked", "at": "14:00"}, 409),  # before it began
        ({"do": "batch.cooked", "at": "25:99"}, 422),
        ({"do": "batch.cooked", "core_c": "panas"}, 422),
        ({"do": "batch.dispose", "decision": "", "school": "*", "reason": "x"}, 422),
        ({"do": "batch.allow", "lowest_c": "70", "note": "panas"}, 403),
        ({"do": "person.set"}, 422),
    ],
)
def test_what_cannot_be_is_said_and_nothing_is_written(
    bench: Bench, client: TestClient, fields: dict[str, str], status: int
) -> None:
    """The page is shown again with the reason, and the record is as it was."""
    send(client, **OPEN)
    (name,) = bench.rows("SELECT id FROM batch")[0]
    before = bench.value("SELECT count(*) FROM act")
    answer = send(client, **{**fields, "do": f"{fields['do']}:{name}"})
    assert answer[0] == status
    assert 'role="alert"' in answer[1]
    assert bench.value("SELECT count(*) FROM act") == before
