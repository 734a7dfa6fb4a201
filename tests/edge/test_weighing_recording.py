"""``pawon-edge weighings``: recordings of other people's scales."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.edge.scale_track import Track

from pawon_edge.cli import main
from pawon_edge.weighing.recording import MAX_TOLD, Recording, RecordingError


def written(track: Track, begin_s: float = 0.0) -> list[str]:
    """A track as lines of a CSV file."""
    rows = [f"{begin_s + at_ms / 1000:.1f},{'' if mass is None else mass}\n" for at_ms, mass in track.samples]
    return ["time,mass_g\n", *rows]


def test_one_object_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All kinds, in the file's own time; what still waits at the end is told when it rested five seconds."""
    file = tmp_path / "beras.csv"
    track = Track(5_000).rest(10).overloaded(6).rest(20).move(2_000).rest(80).move(-1_000).rest(6)
    file.write_text("".join(written(track, begin_s=1_000)))
    assert main(["weighings", str(file), "--division-g", "10", "--json"]) == 0
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [list(row) for row in told] == [["kind", "start", "end", "before_g", "after_g", "confidence"]] * 4
    assert [(row["kind"], row["before_g"], row["after_g"]) for row in told] == [
        ("first", 0, 5_000), ("touch", 5_000, 5_000), ("in", 5_000, 7_000), ("out", 7_000, 6_000),
    ]  # fmt: skip
    assert abs(told[2]["start"] - 1_036) <= 1
    assert 1_036 < told[2]["end"] < 1_042


def test_a_table_for_people(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without ``--json``: a heading and a line for each weighing."""
    file = tmp_path / "beras.csv"
    file.write_text("".join(written(Track(5_000).rest(10).move(2_000).rest(10))))
    assert main(["weighings", str(file), "--division-g", "10"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["kind", "first", "in"]
    assert "+2000" in lines[2]


@pytest.mark.parametrize(
    ("zone", "expected"),
    [("Z", "2026-03-01T23:59:58.000Z"), ("+07:00", "2026-03-01T23:59:58.000+07:00"), ("", "2026-03-01T23:59:58.000")],
)
def test_dates_stay_dates(zone: str, expected: str) -> None:
    """ISO 8601 in, ISO 8601 out, in the zone of the file, across midnight."""
    lines = ["time,mass_g\n"]
    for at_ms, mass in Track(5_000).rest(20).samples:
        second = 59 * 60 + 57.9 + at_ms / 1000
        day, second = (1, second) if second < 3600 else (2, second - 3600)
        hour = 23 if day == 1 else 0
        lines.append(f"2026-03-0{day}T{hour:02}:{int(second // 60):02}:{second % 60:06.3f}{zone},{mass}\n")
    recording = Recording(lines=lines, say=print)
    (row,) = recording.weighings(10)
    assert recording.time(row.start_ms) == expected


def test_bad_lines_are_told_with_their_number_and_stop_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Words, missing columns, binary rubbish: counted, the first ones named with what to do, the rest is weighed."""
    lines = written(Track(5_000).rest(10).move(2_000).rest(70))
    lines[5:5] = ["12,abc\n", "zwölf,5\n", "9\n", "1e400,5\n", "\0\0,\0\n", "nan,7\n"]
    lines[60:60] = ["x,y\n"] * 50
    file = tmp_path / "beras.csv"
    file.write_text("".join(lines))
    assert main(["weighings", str(file), "--division-g", "10", "--json"]) == 0
    told, heard = capsys.readouterr()
    assert [json.loads(line)["kind"] for line in told.splitlines()] == ["first", "in"]
    assert "line 6: could not convert string to float: 'abc': write seconds or ISO 8601" in heard
    assert "line 8: 1 of the columns: write time and mass_g in every line" in heard
    assert heard.count(": line ") == MAX_TOLD
    assert "56 bad lines" in heard


@pytest.mark.parametrize("head", ["", "zeit;gramm\n", "1,2\n", "time\n"])
def test_another_header_is_refused_with_the_remedy(
    head: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file that is no recording ends with one sentence, not with a traceback."""
    file = tmp_path / "x.csv"
    file.write_text(head + "1,2\n" * bool(head))
    assert main(["weighings", str(file), "--division-g", "10"]) == 1
    assert "write time,mass_g" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ["nowhere.csv", "--division-g", "10"],
        [".", "--division-g", "10"],
        [__file__, "--division-g", "0"],
        [__file__, "--division-g", "nan"],
    ],
)
def test_what_cannot_be_read_is_said(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """No file, a folder, a division that no scale has: status 1 and a remedy."""
    assert main(["weighings", *arguments]) == 1
    assert "give" in capsys.readouterr().err


@given(st.lists(st.text(alphabet=st.characters(codec="utf-8"), max_size=20), max_size=30))
def test_no_text_raises(lines: list[str]) -> None:
    """Any text after the header is samples or counted lines."""
    recording = Recording(lines=["time,mass_g\n", *lines], say=lambda _: None)
    assert list(recording.weighings(10)) is not None
    assert recording.good + recording.bad <= sum(line.count("\n") + line.count("\r") + 1 for line in lines)


def test_a_long_recording_is_not_held_in_memory() -> None:
    """A day at ten samples a second passes through in a few hundred kilobytes."""

    def day() -> Iterator[str]:
        yield "time,mass_g\n"
        for n in range(200_000):
            yield f"{n / 10},{5_000 + n // 20_000 * 300 + n % 3}\n"

    tracemalloc.start()
    count = sum(1 for _ in Recording(lines=day(), say=print).weighings(10))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 10
    assert peak < 1_000_000


def test_a_file_that_says_net_and_gross_is_believed() -> None:
    """A third column ``load``: the tare key is told as such."""
    lines = ["time,mass_g,load\n"]
    lines += [f"{n / 10},{5_000 if n < 200 else 3_000},{'gross' if n < 200 else 'net'}\n" for n in range(500)]
    assert [row.kind for row in Recording(lines=lines, say=print).weighings(10)] == ["first", "tare"]


def test_a_header_may_have_more_columns_in_any_order() -> None:
    """What a spreadsheet adds is left alone, a byte order mark too."""
    lines = ["\ufeffmass_g,note,time\n", *(f"5000,x,{n / 10}\n" for n in range(100))]
    assert [row.kind for row in Recording(lines=lines, say=print).weighings(10)] == ["first"]
    with pytest.raises(RecordingError):
        list(Recording(lines=["a,b\n"], say=print).weighings(10))
