"""`pawon-judge`: every way to write the same log says the same; what cannot be used is named with its line."""

from __future__ import annotations

import pytest
from tests.food_safety.judge_files import at, call, csv, events

# Too warm for 70 minutes, then back: one event with everything in it.
VALUES = [3.25] * 5 + [6.5] * 70 + [3.25] * 10
PLAIN = csv(VALUES)
FIRST, LAST = "2026-11-22T00:05:00", "2026-11-22T01:15:00"
ASKED = ("--profile", "ID-MBG", "--point", "chiller")


def spans(content: str | bytes) -> list[tuple[str, str]]:
    """Start and end of the critical event."""
    return [(event["start"], event["end"]) for event in events(content) if event["rule"] == "chiller-hot"]


@pytest.mark.parametrize(
    "content",
    [
        PLAIN,
        "\ufeff" + PLAIN,
        PLAIN.replace("\n", "\r\n"),
        "\n\n" + PLAIN.replace("\n", "\n\n"),
        PLAIN.rstrip("\n"),
        PLAIN.replace(",", ";"),
        PLAIN.replace(",", ";").replace(".", ","),
        PLAIN.replace("T", " "),
        PLAIN.replace("time,temperature_c", "TIME , Temperature_C"),
        "\n".join(f'"{line}"'.replace(",", '","') for line in PLAIN.splitlines()),
        "\n".join(",".join(["note", *reversed(line.split(","))]) for line in PLAIN.splitlines()),
        "\n".join(f'"a, b",{line},c' for line in PLAIN.splitlines()),
        "\n".join(f"{line},\xb0C" for line in PLAIN.splitlines()).encode("latin-1"),
        PLAIN.replace(":00,", ":00.000,"),
    ],
    ids=["plain", "BOM", "CRLF", "blank lines", "no last newline", "semicolon", "decimal comma", "space for T",
         "header's case", "quoted", "columns turned round", "a comma in another column", "another encoding",
         "milliseconds"],
)  # fmt: skip
def test_the_way_a_file_is_written_changes_nothing(content: str | bytes) -> None:
    """Separator, decimal mark, order of columns, line ends, quotes and foreign columns."""
    assert spans(content) == [(FIRST, LAST)]


@pytest.mark.parametrize("offset", ["+07:00", "+08:00", "-03:30", "Z", "+00:00"])
def test_times_come_back_in_the_files_own_offset(offset: str) -> None:
    """As they were written, Z as Z; a file without an offset without one."""
    assert spans(PLAIN.replace(":00,", f":00{offset},")) == [(FIRST + offset, LAST + offset)]


def test_an_offset_that_changes_within_the_file_is_one_timeline() -> None:
    """The kitchen's clock went from WIB to WITA; times are written in the offset that the file began with."""
    wib = [f"2026-11-22T00:{n:02}:00+07:00,{VALUES[n]}" for n in range(40)]
    wita = [f"2026-11-22T{1 + n // 60:02}:{n % 60:02}:00+08:00,{VALUES[n]}" for n in range(40, 85)]
    assert spans("\n".join(["time,temperature_c", *wib, *wita])) == [(FIRST + "+07:00", LAST + "+07:00")]


def test_offsets_in_some_rows_only_cannot_be_judged() -> None:
    """Nobody knows which clock the others mean: the line is named, and what to do."""
    lines = PLAIN.splitlines()
    lines[7] = lines[7].replace(":00,", ":00+07:00,")
    status, out, errors = call("\n".join(lines), *ASKED, "--json")
    assert (status, out) == (1, "")
    assert "log.csv: baris 8: " in errors
    assert "samakan" in errors


def test_a_file_without_an_offset_says_so() -> None:
    """Times are taken as they stand, and people are told."""
    assert "tanpa zona waktu" in call(PLAIN, *ASKED)[1]
    assert "without an offset" in call(PLAIN, *ASKED, "--lang", "en", "--json")[2]


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("2026-11-22T00:02:00,3.0", "the same time"),
        ("2026-11-22T00:01:59,99", "earlier"),
        ("22/11/2026 00:02:30,99", "not ISO 8601"),
        ("2026-11-22,99", "not ISO 8601"),
        (",99", "not ISO 8601"),
        ("0001-01-01T00:00:00,99", "no sensible year"),
        ("9999-12-31T23:59:59,99", "no sensible year"),
        ("2026-11-22T00:02:30", "too few columns"),
        ("2026-11-22T00:02:30,warm", "is no number"),
        ("2026-11-22T00:02:30,1_0", "is no number"),
        ("2026-11-22T00:02:30,٩٩", "is no number"),
        ('2026-11-22T00:02:30,"9,5"', "is no number"),
        ("2026-11-22T00:02:30," + "9" * 70_000, "more than 65536 bytes"),
        ("2026-11-22T00:02:30,99" + "," * 1_000_000, "more than 65536 bytes"),
        ("\x00\x01\xff\xfe", "too few columns"),
        ("2026-11-22T00:02:30,", "gave no number"),
        ("2026-11-22T00:02:30,nan", "gave no number"),
        ("2026-11-22T00:02:30,85.0", "lost its power"),
        ("2026-11-22T00:02:30,-127.00", "not connected"),
        ("2026-11-22T00:02:30,260.01", "sensor or cable is broken"),
        ("2026-11-22T00:02:30,-60.01", "sensor or cable is broken"),
        ("2026-11-22T00:02:30,1e400", "sensor or cable is broken"),
        ("2026-11-22T00:02:30,-inf", "sensor or cable is broken"),
    ],
    ids=lambda text: text[:40],
)
def test_a_row_that_cannot_be_used_is_named_with_line_and_reason_and_left_out(row: str, words: str) -> None:
    """One line on stderr, counted in the heading, and the events are those of the file without it."""
    lines = PLAIN.splitlines()
    content = "\n".join([*lines[:4], row, *lines[4:]])
    status, out, errors = call(content, *ASKED, "--lang", "en")
    assert status == 0
    assert len(errors.splitlines()) == 1
    assert errors.startswith("log.csv: line 5: ")
    assert words in errors
    assert f"not used: 1 x {errors.removeprefix('log.csv: line 5: ')[:12]}" in out
    assert events(content) == events(PLAIN)


def test_85_is_a_temperature_where_values_came_there_by_themselves() -> None:
    """Food that is heated passes 85 C; only a jump there is the power-on value of a DS18B20."""
    log = csv([*range(40, 95), 60.0], 10)
    assert call(log, "--profile", "ID-MBG", "--point", "cooking", "--json")[2].count("85") == 0


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "the file is empty"),
        (b"\n\n\r\n", "the file is empty"),
        (b"time,temperature_c\n", "no row with a temperature"),
        (b"time,temperature_c\n2026-11-22T00:00:00,x\n", "no row with a temperature"),
        (b"time,temperature_c\n2026-11-22T00:00:00,-127\n", "no row with a temperature"),
        (b"Date,Temp\n2026-11-22T00:00:00,4\n", "rename the columns"),
        (b"2026-11-22T00:00:00,4\n", "rename the columns"),
        (b"time,temperature_c,time\n2026-11-22T00:00:00,4,4\n", "named twice"),
        (PLAIN.encode("utf-16"), "save it as CSV UTF-8"),
        (bytes(range(256)) * 1000, "rename the columns"),
        (b"\x00" * 1_000_000, "rename the columns"),
        (b"time,temperature_c" + b",x" * 1_000_000 + b"\n2026-11-22T00:00:00,4\n", "rename the columns"),
    ],
    ids=["empty", "blank", "header only", "no value", "no sensor", "other names", "no header", "twice", "UTF-16",
         "binary", "zeros", "a million columns"],
)  # fmt: skip
def test_a_file_that_cannot_be_judged_says_where_and_what_to_do(content: bytes, words: str) -> None:
    """Exit status 1, no event, and a sentence with file, line and remedy."""
    status, out, errors = call(content, *ASKED, "--lang", "en")
    assert (status, out) == (1, "")
    assert errors.splitlines()[-1].startswith("pawon-judge: log.csv: line ")
    assert words in errors


def test_a_door_word_nobody_knows_is_unknown_and_named() -> None:
    """The temperature of the row is used all the same."""
    rows = "\n".join(f"{at(n * 60)},6.{n % 3},ajar,closed" for n in range(70))
    status, out, errors = call(f"time,temperature_c,door,power\n{rows}\n", *ASKED, "--lang", "en")
    assert status == 0
    assert errors.count("no word for a door") == 70
    assert errors.count("no word for power") == 70
    assert "Rows judged: 70" in out
    assert "[chiller-hot" in out
    assert "door is open" not in out


@pytest.mark.parametrize(
    ("opened", "shut"), [("open", "closed"), ("BUKA", "Tutup"), ("on", "off"), ("1", "0"), ("true", "false")]
)
def test_every_word_for_a_door_is_understood(opened: str, shut: str) -> None:
    """In both languages, and as loggers write contacts."""
    rows = "\n".join(f"{at(n * 60)},3.{n % 3},{opened if 5 <= n < 9 else shut}" for n in range(20))
    assert [event["rule"] for event in events(f"time,temperature_c,door\n{rows}\n")] == ["chiller-door-open"]
