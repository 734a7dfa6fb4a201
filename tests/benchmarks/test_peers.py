"""The measurements beside peers: the checker sees every kind of harm, and the page says what the report holds."""

from __future__ import annotations

from pathlib import Path

from scripts.benchmarks.peers.rows import Journal, Row, check, nth, read_journal, row_of
from scripts.benchmarks.peers.section import section

from pawon_contract import codec
from pawon_contract.messages import Reading


def told(path: Path, offered: list[Row], accepted: list[Row]) -> Path:
    """A journal as a generator writes it."""
    journal = Journal(path)
    for row in offered:
        journal.offered(row)
    journal.accepted(accepted)
    return path


def test_the_checker_sees_every_kind_of_harm(tmp_path: Path) -> None:
    """Lost, doubled, out of order, altered and invented rows are counted apart; a row nobody acknowledged is not lost,
    and neither is one that was acknowledged twice or stored without being acknowledged."""
    rows = [nth(8 * number, 1_000 + number) for number in range(6)]
    journal = read_journal(told(tmp_path / "journal", rows, [*rows[:4], rows[0]]))
    assert len(journal.accepted) == 5
    perfect = check(journal, rows[:4])
    assert (perfect.accepted, perfect.lost, perfect.doubled, perfect.disordered, perfect.unacknowledged) == (
        4,
        0,
        0,
        0,
        2,
    )
    other = Row(rows[3].at_ms, rows[3].sensor, rows[3].value + 1)
    stranger = Row(5, "probe-0", 3.0)
    harmed = check(journal, [rows[2], rows[0], rows[0], other, stranger, rows[4]])
    assert (harmed.lost, harmed.doubled, harmed.disordered) == (1, 1, 1)
    assert (harmed.altered, harmed.invented) == (1, 1)


def test_every_contender_gets_the_bytes_of_pawons_own_wire() -> None:
    """The payload is what Pawon's encoder makes of the same reading, and is read back as it was."""
    row = nth(12, 34_567)
    reading = Reading(at_ms=row.at_ms, sensor=row.sensor, quantity="temperature_c", value=row.value)
    assert row.payload == codec.encode_item(reading)
    assert row_of(row.payload) == row


def test_the_section_names_every_contender_of_the_report() -> None:
    """Who won and who lost stand in one table, with what was lost of what was accepted."""
    about = {
        "date": "2026-11-22", "cores": 2, "machine": "x86_64", "python": "3.11", "sqlite": "3.40", "load_at_start": 1.0,
        "versions": {"mosquitto": "2.0.11"},
    }  # fmt: skip

    def found(lost: int) -> dict[str, object]:
        total = {"accepted": 50, "lost": lost, "doubled": 0, "disordered": 0, "unacknowledged": 3}
        return {
            "runs": [{"seed": 1}], "total": total, "lost_by_fault": {"edge": lost}, "accepted_by_fault": {"edge": 50},
            "lost_percent": {"median": 2 * lost, "low": 0, "high": 2 * lost}, "cpu_s": 1.0, "settings": ["none"],
        }  # fmt: skip

    loss = {"about": about, "rounds_a_run": 4, "rates": [40], "contenders": {"One": found(0), "Other": found(7)}}
    text = section({"peers": loss})
    assert "| One | 50 | 0 of 50 |" in text
    assert "| Other | 50 | 7 of 50 |" in text
