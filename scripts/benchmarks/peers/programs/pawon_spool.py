"""Pawon's spool and uplink, put together as the gateway does it, fed by the generator instead of by ports.

A row is accepted when ``append`` has returned, which happens every 250 ms.
"""

from __future__ import annotations

import argparse
import logging
import time
from pathlib import Path

from peers.rows import Journal, Orders, Row, now_ms

from pawon_contract.broker import BrokerAddress
from pawon_contract.messages import GatewayStatus
from pawon_edge.clock import Offset, SystemClock
from pawon_edge.gateway import COMMIT_MS
from pawon_edge.spool import Spool
from pawon_edge.uplink.publisher import Publisher
from pawon_edge.uplink.role import Primary

SAMPLE_S = 0.005


def main() -> None:
    """Runs until it is killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--journal", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--offset-ms", type=int, required=True)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    clock, offset = SystemClock(), Offset(offset_ms=options.offset_ms, quality="synced", error_ms=0)
    spool, boot, journal, orders = Spool(options.data / "spool.db"), clock.boot(), Journal(options.journal), Orders()
    uplink = Publisher(
        kitchen="dapur-uji", gateway="gw-1", boot=boot, broker=BrokerAddress(host="127.0.0.1", port=options.port),
        spool=spool, clock=clock, offset_of=lambda _: offset, role=Primary(spool, lambda *_: None),
        status=lambda online, _: GatewayStatus(online=online),
    )  # fmt: skip
    uplink.start()
    print("ready", flush=True)
    waiting: list[Row] = []
    commit_at_ms = now_ms() + COMMIT_MS
    while True:
        for row in orders.due():
            journal.offered(row)
            waiting.append(row)
        if now_ms() >= commit_at_ms:
            commit_at_ms = now_ms() + COMMIT_MS
            if waiting:
                spool.append(boot, [row.payload for row in waiting])
                journal.accepted(waiting)
                waiting = []
                uplink.wake()
        time.sleep(SAMPLE_S)


if __name__ == "__main__":
    main()
