"""The project speaks truly of itself: documentation, versions, and nothing that does not belong in the tree."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel

import pawon_edge
import pawon_server
from pawon_contract.faults import FAULTS
from pawon_edge.config import file_model
from pawon_edge.config import load_config as load_gateway
from pawon_edge.drivers.kinds import KINDS
from pawon_firmware_bridge.protocols import PROTOCOLS
from pawon_food_safety.profile import load_profile, shipped
from pawon_server.config import ServerConfig
from pawon_server.config import load_config as load_server
from pawon_server.web.wording import fault_words

ROOT = Path(__file__).resolve().parents[1]
PARTS = ("contract", "food_safety", "firmware_bridge", "edge", "server", "dashboards")


def tables(model: type[BaseModel], seen: set[type[BaseModel]] | None = None) -> set[type[BaseModel]]:
    """A configuration's tables, at every depth."""
    seen = set() if seen is None else seen
    seen.add(model)
    for field in model.model_fields.values():
        waiting = [field.annotation]
        while waiting:
            kind = waiting.pop()
            waiting += get_args(kind)
            if isinstance(kind, type) and issubclass(kind, BaseModel) and kind not in seen:
                tables(kind, seen)
    return seen


def tracked() -> list[Path]:
    """Every file of the tree that git keeps or would keep."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        check=True,
        capture_output=True,
    ).stdout.decode()
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


@pytest.mark.parametrize(("model", "title"), [(file_model(KINDS), "gateway.toml"), (ServerConfig, "server.toml")])
def test_every_setting_is_documented(model: type[BaseModel], title: str) -> None:
    """A setting that nobody can read about does not exist."""
    text = (ROOT / "docs/configuration.md").read_text()
    chapter = text.split(f"## {title}\n")[1].split("\n## ")[0]
    named = set(re.findall(r"`\[*([a-z0-9_.]+)\]*`", chapter))
    wanted = {name for table in tables(model) for name in table.model_fields}
    assert wanted - {word.split(".")[-1] for word in named} == set()


def test_every_protocol_and_every_fault_is_documented_and_has_a_case() -> None:
    """What can be plugged in, and what can be wrong with it: each has its line for people, its words on the screens,
    and a test that speaks of it."""
    sensors = (ROOT / "docs/sensors.md").read_text()
    cases = "".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py") if path != Path(__file__))
    for name in [*PROTOCOLS, *FAULTS]:
        assert f"`{name}`" in sensors, f"docs/sensors.md does not tell of {name}"
        assert f'"{name}"' in cases, f"no test speaks of {name}"
    assert set(FAULTS) == set(fault_words(str))


def test_the_examples_are_good(tmp_path: Path) -> None:
    """What we tell people to copy loads without a complaint, and both sides speak of the same sensors."""
    gateway, _ = load_gateway(ROOT / "docs/examples/gateway.toml")
    server = load_server(ROOT / "docs/examples/server.toml")
    assert {sensor.id for sensor in gateway.sensors} == {sensor.id for sensor in server.sensor}
    assert gateway.kitchen == server.kitchen


def test_all_parts_share_one_version() -> None:
    """One product, one number."""
    versions = {tomllib.loads((ROOT / part / "pyproject.toml").read_text())["project"]["version"] for part in PARTS}
    assert versions == {pawon_edge.VERSION} == {pawon_server.VERSION}


def test_every_foreign_package_is_pinned_by_hash_and_without_address() -> None:
    """The locks hold what the parts ask for, each with hashes, and no download address."""
    for lock in (ROOT / "requirements").glob("*.txt"):
        text = lock.read_text()
        assert not re.search(r"https?://|file:", text), lock.name
        pins = re.split(r"\n(?=[a-z0-9])", text.strip())
        assert all("--hash=sha256:" in pin for pin in pins if not pin.startswith("#")), lock.name
    for part, lock_name in (("edge", "edge"), ("server", "server"), ("dashboards", "dashboards")):
        project = tomllib.loads((ROOT / part / "pyproject.toml").read_text())["project"]
        text = (ROOT / "requirements" / f"{lock_name}.txt").read_text()
        for wanted in project["dependencies"]:
            name = re.split(r"[\[=<>; ]", wanted)[0]
            assert name.startswith("pawon-") or re.search(rf"^{name}==", text, re.MULTILINE), f"{part}: {name}"


def test_links_between_documents_lead_somewhere() -> None:
    """No reader is sent to a page that is not there."""
    for page in [path for path in tracked() if path.suffix == ".md"]:
        for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.relative_to(ROOT)}: {target}"


def test_no_secret_and_no_machine_of_ours_in_the_tree() -> None:
    """Neither keys nor the paths of somebody's machine are kept."""
    here = str(ROOT) + "/"
    patterns = [
        rb"-----BEGIN [A-Z ]*PRIVATE KEY", rb"(?i)\b(password|token|secret)\s*=\s*[\"'][A-Za-z0-9+/]{16,}[\"']",
        re.escape(here.encode()) + rb"[a-z]",
    ]  # fmt: skip
    for path in tracked():
        if path.suffix in (".png", ".lock") or path == Path(__file__):
            continue
        content = path.read_bytes()
        for pattern in patterns:
            found = re.search(pattern, content)
            assert found is None, f"{path.relative_to(ROOT)}: {found and found[0]!r}"


def test_profiles_in_the_documentation_exist() -> None:
    """The profiles that the documentation names are shipped, and the demonstration's is marked as such."""
    assert {"ID-MBG", "DEMO"} <= set(shipped())
    assert load_profile("DEMO").demo


def test_the_wires_description_is_current() -> None:
    """docs/asyncapi.json is what the contract's types say today."""
    done = subprocess.run(
        [sys.executable, "-c", "import asyncapi; print(asyncapi.text(), end='')"], cwd=ROOT / "scripts", check=True,
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.stdout == (ROOT / "docs/asyncapi.json").read_text()
