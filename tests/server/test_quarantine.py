"""The quarantine: shown with reasons, tried again with today's code and configuration, and never thrown away."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from tests.server.conftest import BOOK, Bench
from tests.server.sender import BOOT, Sender, temperature
from tests.server.straight import Straight
from tests.server.test_api import Api
from tests.server.test_ingest import weighing
from tests.server.test_rebuild import rebuilt
from tests.server.test_store import CONFIG

from pawon_contract import codec
from pawon_contract.messages import ClockFix, SensorFault
from pawon_server.cli import main
from pawon_server.projections.projector import SET_ASIDE
from pawon_server.projections.stock import Stock
from pawon_server.record import replay as replaying
from pawon_server.record.replay import parse_id
from pawon_server.record.verify import verify
from pawon_server.rulebook import Rulebook
from pawon_server.store.address import Address
from pawon_server.web.language import load_speeches

MINUTE = 60_000


def without(*sensors: str) -> Rulebook:
    """The kitchen before these sensors were configured."""
    left = [sensor for sensor in BOOK.settings.sensors if sensor.id not in sensors]
    return msgspec.structs.replace(BOOK, settings=msgspec.structs.replace(BOOK.settings, sensors=left))


@pytest.fixture
def record(store_address: Address) -> Iterator[Straight]:
    """A store of a kitchen in which chiller-1 and the scales are not configured yet."""
    made = Straight(store_address, without("chiller-1", "scale-1", "scale-2"))
    yield made
    assert rebuilt(made.store.address).same, "whatever was tried again is what the journal says"
    made.close()


def counts(record: Straight) -> tuple[object, ...]:
    """Rows in quarantine, readings, what the gateway is said to have had refused."""
    query = "SELECT (SELECT count(*) FROM quarantine), (SELECT count(*) FROM reading), (SELECT refused FROM gateway)"
    return record.rows(query)[0]


def test_an_unknown_sensor_that_is_configured_now_gets_its_rows(record: Straight) -> None:
    """Its readings are recorded under their own numbers and dates; a second try changes nothing at all."""
    sender = Sender().add(*(temperature(n / 10, n * MINUTE) for n in range(9)), temperature(3, 9 * MINUTE, "chiller-2"))
    record.send(sender.batch(1, 4, sent_ms=3 * MINUTE))
    record.send(sender.batch(5, 10, sent_ms=9 * MINUTE))
    assert counts(record) == (9, 1, 9)
    result = record.replay(BOOK)
    assert (result.used, result.kept) == (9, 0)
    assert counts(record) == (0, 10, 0)
    assert record.rows("SELECT sequence, value, measured_ms FROM reading WHERE sensor = 'chiller-1' ORDER BY 1") == [
        (n + 1, n / 10, sender.offset_ms + n * MINUTE) for n in range(9)
    ]
    assert record.rows("SELECT value, fresh_until_ms FROM latest WHERE sensor = 'chiller-1'") == [(0.8, 0)]
    before = [record.rows(f"SELECT * FROM {table}") for table in ("journal", "reading", "latest", "gateway")]
    assert record.replay(BOOK) == replaying.Replayed(used=0, kept=0, first_kept=[])
    assert [record.rows(f"SELECT * FROM {table}") for table in ("journal", "reading", "latest", "gateway")] == before
    with record.store.reader.connect():
        assert verify(record.store.reader, "dapur-uji").ok


def test_rows_of_the_past_are_judged_and_page_nobody_as_if_now(record: Straight) -> None:
    """Twenty warm minutes of a chiller nobody had configured: a late incident with its dates, no alarm of now."""
    sender = Sender().add(*(temperature(9.5, n * MINUTE) for n in range(21)))
    for n in range(1, 22):
        record.send(sender.batch(n, n, sent_ms=(n - 1) * MINUTE))
    assert record.replay(BOOK).used == 21
    incidents = record.rows("SELECT kind, late, began_ms, closed_ms FROM incident WHERE sensor = 'chiller-1'")
    assert set(incidents) == {("limit", 1, sender.offset_ms, None)}
    assert record.rows("SELECT event FROM alert") == []
    sender.add(temperature(9.5, 21 * MINUTE))
    record.send(sender.batch(22, 22, sent_ms=21 * MINUTE))
    assert "opened" in {event for (event,) in record.rows("SELECT event FROM alert")}, "still warm: now it is news"


def test_what_has_newer_rows_is_recorded_and_not_judged_again(record: Straight) -> None:
    """The past may not overwrite the present: latest value, rules and faults stay as the newer rows left them."""
    fault = SensorFault(at_ms=21 * MINUTE, sensor="chiller-1", fault="crc")
    sender = Sender().add(temperature(9.5, 0), temperature(9.5, 20 * MINUTE), fault, temperature(3.5, 30 * MINUTE))
    record.send(sender.batch(1, 3, sent_ms=21 * MINUTE))
    record.configure(BOOK)
    record.send(sender.batch(4, 4, sent_ms=30 * MINUTE))
    state = record.rows("SELECT * FROM judgement"), record.rows("SELECT * FROM latest")
    result = record.replay(BOOK)
    assert (result.used, result.kept) == (2, 1)
    assert "a fault of the past" in result.first_kept[0].reason
    assert (record.rows("SELECT * FROM judgement"), record.rows("SELECT * FROM latest")) == state
    assert record.rows("SELECT * FROM incident") == []
    assert counts(record) == (1, 3, 1)


def test_a_weighing_of_the_past_is_only_proposed(record: Straight) -> None:
    """Also at a place that books by itself: somebody looks before the book of the past is changed."""
    record.send(Sender().add(weighing(0, 20_000, MINUTE, "in")).batch())
    assert record.replay(BOOK).used == 1
    assert record.rows("SELECT state, amount FROM movement") == [("proposed", 20_000)]
    assert record.rows("SELECT * FROM ledger_line") == []


def test_a_guessed_date_is_the_one_known_now(record: Straight) -> None:
    """The boot's clock was put right while the row lay in quarantine."""
    sender = Sender(clock="guess", offset_ms=1_000).add(
        temperature(4, MINUTE), ClockFix(at_ms=2 * MINUTE, boot=BOOT, offset_ms=5_000_000, error_ms=1, source="synced")
    )
    record.send(sender.batch())
    assert record.replay(BOOK).used == 1
    assert record.rows("SELECT measured_ms, clock FROM reading") == [(5_000_000 + MINUTE, "synced")]


def test_what_still_cannot_be_used_stays_with_its_reason(record: Straight) -> None:
    """Rows that do not decode, unknown sensors, wrong quantities, refused payloads: untouched, told, not journalled."""
    bad = [b'{"k":"bad"}', codec.encode_item(temperature(4, 2, "nobody")),
           codec.encode_item(temperature(4, 2, "scale-1"))]  # fmt: skip
    record.send(Sender().add(*bad).batch())
    record.send(b"garbage")
    record.configure(BOOK)
    kept, entries = record.rows("SELECT * FROM quarantine"), record.rows("SELECT count(*) FROM journal")
    result = record.replay(BOOK)
    assert (result.used, result.kept) == (0, 4)
    for row, word in zip(
        result.first_kept, ["bad", "nobody", "configured as mass_g", "refused as a whole"], strict=True
    ):
        assert word in row.reason
    assert record.rows("SELECT * FROM quarantine") == kept
    assert record.rows("SELECT count(*) FROM journal") == entries


def test_one_entry_or_one_row_can_be_tried(record: Straight) -> None:
    """``--id`` as the API says it; the rest stays."""
    sender = Sender().add(*(temperature(4, n) for n in range(5)))
    record.send(sender.batch(1, 3))
    record.send(sender.batch(4, 5))
    entry = record.rows("SELECT min(journal_id) FROM quarantine")[0][0]
    assert record.replay(BOOK, parse_id(f"{entry}.2")).used == 1
    assert record.rows("SELECT sequence FROM reading") == [(2,)]
    assert record.replay(BOOK, parse_id(f"{entry}")).used == 2
    assert record.replay(BOOK, parse_id("999999")) == replaying.Replayed(used=0, kept=0, first_kept=[])
    assert record.rows("SELECT sequence FROM quarantine ORDER BY 1") == [(4,), (5,)]
    for wrong in ("", "x", "1.x", "-1"):
        with pytest.raises(ValueError, match="is no id"):
            parse_id(wrong)


def test_any_portion_gives_the_same(record: Straight, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many rows go at once; so many that stay are told and all are counted."""
    sender = Sender().add(*(temperature(4, n, "chiller-1" if n % 3 else "nobody") for n in range(100)))
    record.send(sender.batch())
    monkeypatch.setattr(replaying, "AT_ONCE", 7)
    result = record.replay(BOOK)
    assert (result.used, result.kept, len(result.first_kept)) == (66, 34, replaying.MAX_TOLD)


def test_rows_set_aside_for_a_bug_are_used_once_it_is_mended(
    record: Straight, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """While the bug lasts they stay and others are used; afterwards they are used too."""
    record.configure(BOOK)
    sender = Sender().add(temperature(4, 1), weighing(0, 5_000, 2_000, "in"), temperature(4, 3))
    record.send(sender.batch(), project=False)
    assert record.rows("SELECT DISTINCT reason FROM quarantine") == [(SET_ASIDE,)]

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("a bug")

    with monkeypatch.context() as patch, caplog.at_level(logging.CRITICAL):
        patch.setattr(Stock, "take", broken)
        result = record.replay(BOOK)
    assert (result.used, [row.reason for row in result.first_kept]) == (2, ["its projection fails; see the log"])
    assert record.replay(BOOK).used == 1
    assert record.rows("SELECT sequence FROM reading ORDER BY 1") == [(1,), (3,)]
    assert record.rows("SELECT amount FROM movement") == [(5_000,)]


def test_a_mended_decoder_uses_what_it_could_not_read(store_address: Address, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bytes were kept: a version that understands them projects them."""
    record = Straight(store_address)
    raw = codec.encode_item(temperature(4.5, MINUTE, "chiller-2"))
    with monkeypatch.context() as patch:
        unread = [codec.Unreadable(reason="not understood yet", raw=raw)]
        patch.setattr(codec, "_items", lambda _: unread)
        record.send(Sender().add(raw).batch())
    assert record.rows("SELECT reason FROM quarantine") == [("not understood yet",)]
    assert record.replay(BOOK).used == 1
    assert record.rows("SELECT value FROM reading") == [(4.5,)]
    # Deriving again with the mended decoder reads the row at its first place; repair takes that over.
    differing = {table.table for table in rebuilt(record.store.address).tables if not table.same}
    assert differing <= {"reading", "latest", "judgement", "gateway", "boot"}
    record.close()


def test_the_command_needs_the_store_for_itself(
    bench: Bench, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Beside a running server it is refused; then it tells what is used and what stays, in words and in JSON."""
    bench.send(Sender().add(temperature(4, 1, "chiller-2"), b'{"k":"bad"}', temperature(4, 2, "new")).batch())
    config = tmp_path / "server.toml"
    text = CONFIG.format(folder="@").replace("@/store/pawon.db", str(bench.store.address))
    config.write_text(text + '[[sensor]]\nid = "new"\ngateway = "gw-1"\nname = "New"\n')
    command = ["replay-quarantine", "--config", str(config)]
    assert main([*command, "--all"]) == 1
    assert "another server runs on this store" in capsys.readouterr().err
    bench.writer.stop()
    bench.store.close()
    assert main([*command, "--all"]) == 0
    said = capsys.readouterr().out
    assert "1 row(s) are used now, 1 stay in quarantine" in said
    assert "Invalid value 'bad'" in said
    assert main([*command, "--all", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["kept"] == 1
    assert main([*command, "--id", "x"]) == 1
    assert "is no id" in capsys.readouterr().err


def test_the_api_names_each_row_with_its_digest(bench: Bench) -> None:
    """The id is what replay-quarantine takes; digest and first bytes tell what came."""
    bad = b'{"k":"bad"}'
    bench.send(Sender().add(bad).batch())
    bench.send(b"x" * 5_000)
    items = Api(bench).items("quarantine", limit=1)
    assert [(row["gateway"], row["sequence"], row["raw_bytes"]) for row in items] == [
        ("gw-1", None, 5_000), ("gw-1", 1, len(bad))]  # fmt: skip
    assert [row["digest"] for row in items] == [hashlib.sha256(raw).hexdigest() for raw in (b"x" * 5_000, bad)]
    assert bytes.fromhex(items[0]["raw"]) == b"x" * 512
    for row in items:
        parse_id(row["id"])


@pytest.mark.parametrize("language", ["id", "en"])
def test_the_page_says_in_words_what_came_and_what_to_do(bench: Bench, language: str) -> None:
    """Every kind in the reader's language, bytes as text where they are text, nothing a gateway sent is markup."""
    api = Api(bench)
    page = api.client.get("/quarantine", params={"lang": language})
    speech = load_speeches()[language]  # type: ignore[index]  # one of two literals
    assert speech.gettext("Kosong: semua yang dikirim dapat dipakai.") in page.text
    bench.send(Sender().add(b'{"k":"<script>alert(1)</script>"}', temperature(4, 1, "nobody"),
                            temperature(4, 2, "scale-1")).batch())  # fmt: skip
    bench.send(b"\x00\xffgarbage")
    page = api.client.get("/quarantine", params={"lang": language})
    assert page.status_code == 200
    assert "<script>alert" not in page.text
    assert "&lt;script&gt;" in page.text
    for words in (
        "Karantina data",
        "Kiriman tidak dapat dibaca sama sekali",
        "Sensor belum terdaftar",
        "Sensor mengirim besaran lain dari yang terdaftar",
        "Isi baris tidak masuk akal atau tidak terbaca",
    ):
        assert speech.gettext(words) in page.text
    assert "00 ff 67" in page.text
    assert page.headers["content-language"] == language
    assert "default-src 'self'" in page.headers["content-security-policy"]


def test_the_page_is_bounded_and_leads_on(bench: Bench) -> None:
    """Fifty rows a page, each row on one page only; the API's own page leads here and the public one does not."""
    bench.send(Sender().add(*(b'{"k":"bad %d"}' % n for n in range(120))).batch())
    api = Api(bench)
    seen: list[str] = []
    address = "/quarantine"
    for _ in range(3):
        page = api.client.get(address).text
        rows = page.split('data-kept="')[1:]
        assert len(rows) <= 50
        seen += [row.split('"')[0] for row in rows]
        if 'rel="next"' not in page:
            break
        address = "/quarantine" + page.split('rel="next" href="')[1].split('"')[0]
    assert len(seen) == len(set(seen)) == 120
    assert api.client.get("/quarantine", params={"cursor": "nonsense"}).status_code == 422
    assert 'href="/quarantine"' in api.client.get("/api/docs").text
    assert "quarantine" not in api.client.get("/forum").text
