"""The real gateway, with a watch on ``Spool.append``: when each commit began and returned, written down at its end.

python gateway_probe.py COMMITS.json run --config gateway.toml
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from pawon_edge import cli
from pawon_edge.spool import Spool


def main() -> int:
    """Runs as ``pawon-edge`` does."""
    commits: list[tuple[int, float, float]] = []
    append = Spool.append

    def watched(spool: Spool, *arguments: Any, **options: Any) -> int:
        began = time.clock_gettime(time.CLOCK_BOOTTIME)
        last = append(spool, *arguments, **options)
        commits.append((last, began * 1000, time.clock_gettime(time.CLOCK_BOOTTIME) * 1000))
        return last

    Spool.append = watched  # type: ignore[method-assign]  # this process lives for one measurement
    path, sys.argv[1:] = Path(sys.argv[1]), sys.argv[2:]
    try:
        return cli.main()
    finally:
        path.write_text(json.dumps(commits))


if __name__ == "__main__":
    raise SystemExit(main())
