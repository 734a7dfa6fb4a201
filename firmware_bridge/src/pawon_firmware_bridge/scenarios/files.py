"""A signal as files: samples as CSV, truth as JSON lines; and samples of one's own scale read back.

CSV: `time,mass_g`, seconds and grams, no mass where the scale gave no number (overload, underload); a third column
`load` where the scale says gross or net.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from pawon_firmware_bridge.scenarios.signals import Sample, Signal

COLUMNS = ["time", "mass_g", "load"]


def write_signal(signal: Signal, folder: Path) -> tuple[Path, Path]:
    """Write ``NAME-SEED.csv`` and ``NAME-SEED.truth.jsonl``; OSError if that cannot be. Returns both paths."""
    folder.mkdir(parents=True, exist_ok=True)
    samples = folder / f"{signal.row.name}-{signal.seed}.csv"
    with samples.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        columns = COLUMNS if signal.scale.tells_load else COLUMNS[:2]
        writer.writerow(columns)
        writer.writerows(
            (_number(time_s), "" if mass_g is None else _number(mass_g), load)[: len(columns)]
            for time_s, mass_g, load in signal.samples()
        )
    truth = samples.with_suffix(".truth.jsonl")
    with truth.open("w") as file:
        for row in truth_rows(signal):
            file.write(json.dumps(row) + "\n")
    return samples, truth


def truth_rows(signal: Signal) -> Iterator[dict[str, object]]:
    """First the signal itself, then each movement and each disturbance."""
    yield {
        "is": "signal", "class": signal.row.name, "seed": signal.seed, "length_s": signal.length_s,
        "load_g": signal.load_g, "sample_noise_g": round(signal.scale.sample_noise_g, 3), **asdict(signal.scale),
    }  # fmt: skip
    for movement in signal.movements():
        yield {"is": "movement", **asdict(movement)}
    for disturbance in signal.disturbances():
        yield {"is": "disturbance", **asdict(disturbance)}


def read_samples(path: Path) -> Iterator[Sample]:
    """The samples of a CSV file, lazily. OSError if it cannot be read; ValueError with the line that is none."""
    with path.open(newline="") as file:
        reader = csv.reader(file)
        head = next(reader, [])
        if head not in (COLUMNS, COLUMNS[:2]):
            raise ValueError(f"{path}: begins with {','.join(head)!r}, not with time,mass_g")
        for row in reader:
            try:
                time_s, mass_g = float(row[0]), float(row[1]) if row[1] else None
                yield Sample(time_s, mass_g, (row[2] or None) if len(row) > 2 else None)
            except (ValueError, IndexError) as error:
                raise ValueError(f"{path}:{reader.line_num}: no sample: {','.join(row)!r}") from error


def _number(value: float) -> str:
    return f"{value:.12g}"
