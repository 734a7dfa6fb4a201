"""Bad input is kept where it can be looked at, and cannot fill the card."""

from __future__ import annotations

import json
from pathlib import Path

from pawon_edge import complaints
from pawon_edge.complaints import Complaints
from pawon_edge.sample import Trouble


def lines(path: Path) -> list[dict[str, object]]:
    """What was written."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_bad_frame_is_written_with_its_bytes_and_its_place(tmp_path: Path) -> None:
    """Sensor, kind, reason and the bytes, readable without a tool."""
    path = tmp_path / "bad_input.log"
    kept = Complaints(path)
    assert kept.take(Trouble(sensor="scale-1", at_ms=5, kind="bad_frames", detail="checksum", raw=b"WG\xff"), "now")
    assert lines(path) == [
        {
            "time": "now",
            "sensor": "scale-1",
            "kind": "bad_frames",
            "detail": "checksum",
            "raw": "57 47 ff",
            "more_since": 0,
        }
    ]


def test_babble_is_counted_and_not_written_again_and_again(tmp_path: Path) -> None:
    """A thousand bad frames a second are one line in ten seconds, which says how many there were."""
    path = tmp_path / "bad_input.log"
    kept = Complaints(path)
    for at_ms in range(0, 20_001):
        kept.take(Trouble(sensor="scale-1", at_ms=at_ms, kind="bad_frames"), "now")
    assert [line["more_since"] for line in lines(path)] == [0, 9_999, 9_999]


def test_the_file_is_bounded(tmp_path: Path) -> None:
    """Turned over at its size, with one older copy."""
    path = tmp_path / "bad_input.log"
    kept = Complaints(path)
    for n in range(12_000):
        kept.take(Trouble(sensor="s", at_ms=n * complaints.EVERY_MS, kind="bad_frames", raw=b"x" * 500), "now")
    sizes = [file.stat().st_size for file in tmp_path.iterdir()]
    assert len(sizes) == 2
    assert sum(sizes) <= 2 * complaints.MAX_FILE_BYTES
