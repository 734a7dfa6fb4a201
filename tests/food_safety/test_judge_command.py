"""`pawon-judge` as people and scripts start it."""

from __future__ import annotations

import json
import subprocess
import sysconfig
from pathlib import Path

import pytest
from tests.food_safety.judge_files import call, csv

from pawon_food_safety.judge.cli import main

COMMAND = Path(sysconfig.get_path("scripts"), "pawon-judge")
ASKED = ("--profile", "ID-MBG", "--point", "chiller")
HOT, WARM, CALM = csv([6.0] * 90), csv([4.5] * 90), csv([3.0, 3.5] * 45)


def run(folder: Path, content: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The installed command for a file of this content."""
    (folder / "log.csv").write_text(content)
    return subprocess.run(
        [COMMAND, *arguments, "log.csv"], cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )


def test_the_installed_command_judges_a_file(tmp_path: Path) -> None:
    """The real entry point: events on stdout alone, the account for people beside them."""
    done = run(tmp_path, HOT, *ASKED, "--json", "--strict")
    assert done.returncode == 2
    assert [json.loads(line)["rule"] for line in done.stdout.splitlines()] == ["chiller-hot", "chiller-warm"]
    assert "ID-MBG" in done.stderr
    plain = run(tmp_path, HOT, *ASKED)
    assert plain.returncode == 0
    assert plain.stderr == ""
    assert plain.stdout.startswith("Berkas: log.csv\nProfil: ID-MBG 2026.11")


def test_the_installed_command_refuses_what_it_cannot_judge(tmp_path: Path) -> None:
    """One line with the file, the place and the remedy, status 1; so do wrong arguments, which --strict must tell."""
    done = run(tmp_path, "a;b\n1;2\n", *ASKED)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert "log.csv: baris 1: " in done.stderr
    assert run(tmp_path, CALM, "--point", "chiller").returncode == 1


def test_a_reader_that_has_seen_enough_is_no_error(tmp_path: Path) -> None:
    """`pawon-judge ... | head -1` ends without a traceback, however much there was to say."""
    (tmp_path / "log.csv").write_text(csv([3.0, None, 3.5, *[None] * 9] * 3000))
    done = subprocess.run(
        f"'{COMMAND}' {' '.join(ASKED)} --json log.csv 2>err | head -1", shell=True, cwd=tmp_path, capture_output=True,
        text=True, timeout=60, check=True,
    )  # fmt: skip
    assert json.loads(done.stdout)["kind"] == "gap"
    assert "Traceback" not in (tmp_path / "err").read_text()


@pytest.mark.parametrize(("content", "status"), [(HOT, 2), (WARM, 0), (CALM, 0)])
def test_strict_tells_scripts_of_what_is_critical(content: str, status: int) -> None:
    """2 for anything critical, 0 for the rest; without it 0 whatever was found."""
    assert call(content, *ASKED, "--strict")[0] == status
    assert call(content, *ASKED)[0] == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--profile", "NONE", "--point", "chiller"), "shipped are"),
        (("--profile", "none.toml", "--point", "chiller"), "none.toml"),
        (("--profile", "DEMO", "--point", "chiller"), "pilih profil lain"),
        (("--profile", "ID-MBG", "--point", "cellar"), "yang ada: chiller, cooking"),
        (("--profile", "ID-MBG", "--point", "sanitizer"), "tidak ada aturan suhu"),
    ],
)
def test_a_profile_that_cannot_judge_this_says_why(arguments: tuple[str, ...], words: str) -> None:
    """Status 1, and what there is instead."""
    status, out, errors = call(CALM, *arguments)
    assert (status, out) == (1, "")
    assert words in errors


def test_a_broken_profile_file_names_its_mistake(tmp_path: Path) -> None:
    """Every mistake on a line of its own, with the file."""
    own = tmp_path / "own.toml"
    own.write_text('id = "X"\nversion = "1"\ntitle = "t"\n[[limit]]\nid = "a"\n')
    status, _, errors = call(CALM, "--profile", str(own), "--point", "chiller")
    assert status == 1
    assert f"{own}: limit[0]: " in errors


@pytest.mark.parametrize(
    "wrong",
    [("--max-gap", "0"), ("--max-gap", "-1"), ("--max-gap", "nan"), ("--max-gap", "x"), ("--guard-band", "-0.1"),
     ("--guard-band", "inf"), ("--sensor", "wall"), ("--lang", "fr"), ("--unknown",)],
    ids=" ".join,
)  # fmt: skip
def test_wrong_arguments_are_status_1(wrong: tuple[str, ...]) -> None:
    """2 is kept for what was found."""
    with pytest.raises(SystemExit) as stopped:
        call(CALM, *ASKED, *wrong)
    assert stopped.value.code == 1


@pytest.mark.parametrize("name", ["", "missing.csv", "."])
def test_a_file_that_cannot_be_opened_is_named(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Missing, or a folder: the system's own words."""
    assert main([*ASKED, str(tmp_path / name)]) == 1
    assert str(tmp_path) in capsys.readouterr().err


def test_help_says_how_gaps_are_found(capsys: pytest.CaptureFixture[str]) -> None:
    """The format, the default of --max-gap and the exit statuses can be read where they are asked for."""
    with pytest.raises(SystemExit):
        main(["--help"])
    said = " ".join(capsys.readouterr().out.split())
    for words in ("the median over the first 1000 rows", "at least 60 s", "temperature_c", "Exit status"):
        assert words in said
