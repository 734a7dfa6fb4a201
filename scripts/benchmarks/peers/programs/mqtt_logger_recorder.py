"""mqtt-logger's own ``Recorder``, as its documentation uses it: every message a row, committed one by one."""

from __future__ import annotations

import argparse
import signal
from pathlib import Path

import mqtt_logger


def main() -> None:
    """Runs until it is killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    options = parser.parse_args()
    recorder = mqtt_logger.Recorder(
        sqlite_database_path=str(options.data / "log.db"), topics=["pawon/#"], broker_address="127.0.0.1",
        port=options.port,
    )  # fmt: skip
    recorder.start()
    print("ready", flush=True)
    signal.pause()


if __name__ == "__main__":
    main()
