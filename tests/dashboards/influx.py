"""A real InfluxDB 1.6.7 for tests, with the one address of InfluxDB 2.x that the exporter writes to.

``/api/v2/write`` takes what the real influxdb-client sends and hands it to 1.x; queries go to 1.x directly. Partly
refused writes answer 422 as InfluxDB 2.x does (1.x says 400).
"""

from __future__ import annotations

import gzip
import json
import re
import shutil
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

TOKEN = "token-of-this-test-only"
ORG = "pawon"
START_S = 20.0

CONFIG = """\
reporting-enabled = false
bind-address = "127.0.0.1:0"
[meta]
  dir = "{folder}/meta"
[data]
  dir = "{folder}/data"
  wal-dir = "{folder}/wal"
  query-log-enabled = false
[monitor]
  store-enabled = false
[http]
  bind-address = "127.0.0.1:0"
  log-enabled = false
[subscriber]
  enabled = false
[continuous_queries]
  enabled = false
[ifql]
  enabled = false
"""


class Influx:
    """The database and the adapter. ``after_store`` runs once the points are stored and before anybody is told."""

    def __init__(self, folder: Path) -> None:
        if not shutil.which("influxd"):
            raise AssertionError("influxd was not found; on Debian: sudo apt install influxdb")
        self._folder = folder
        self._config = folder / "influxdb.conf"
        self._config.write_text(CONFIG.format(folder=folder))
        self._process: subprocess.Popen[bytes] | None = None
        self._database = ""
        self.after_store: Callable[[], None] = lambda: None
        self.requests: list[str] = []
        self.start()
        influx = self

        class Adapter(_Adapter):
            owner = influx

        self._adapter = ThreadingHTTPServer(("127.0.0.1", 0), Adapter)
        self.url = f"http://127.0.0.1:{self._adapter.server_address[1]}"
        threading.Thread(target=self._adapter.serve_forever, args=(0.05,), daemon=True).start()

    def start(self) -> None:
        """Starts the database on a port of the kernel's choice; its data are those of before."""
        log = self._folder / "influxd.log"
        with log.open("wb") as out:
            self._process = subprocess.Popen(["influxd", "-config", str(self._config)], stdout=out, stderr=out)
        until = time.monotonic() + START_S
        while time.monotonic() < until:
            found = re.search(r"Listening on HTTP.*addr=(127\.0\.0\.1:\d+)", log.read_text())
            if found:
                self._database = f"http://{found.group(1)}"
                return
            assert self._process.poll() is None, log.read_text()
            time.sleep(0.02)
        raise AssertionError(f"influxd did not start:\n{log.read_text()}")

    @property
    def alive(self) -> bool:
        """Whether the database runs."""
        return self._process is not None

    def stop(self) -> None:
        """Ends the database; the adapter stays and answers 503."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
            self._process = None

    def close(self) -> None:
        """Ends both."""
        self._adapter.shutdown()
        self._adapter.server_close()
        self.stop()

    def create(self, bucket: str, duration: str = "INF") -> None:
        """A new bucket; points older than ``duration`` are refused."""
        self._ask("POST", "/query", {"q": f'CREATE DATABASE "{bucket}" WITH DURATION {duration}'})

    def store(self, bucket: str, lines: bytes, precision: str) -> tuple[int, str]:
        """Line protocol in; status and message as InfluxDB 2.x would answer."""
        try:
            self._ask("POST", "/write", {"db": bucket, "precision": precision}, lines)
        except urllib.error.HTTPError as error:
            told = str(json.loads(error.read() or b"{}").get("error", ""))
            return (422 if "partial write" in told else error.code), told
        except OSError:
            return 503, "the database is down"
        self.after_store()
        return 204, ""

    def query(self, bucket: str, text: str) -> list[dict[str, Any]]:
        """The series that InfluxQL finds, times in milliseconds."""
        [result] = json.loads(self._ask("POST", "/query", {"db": bucket, "q": text, "epoch": "ms"}))["results"]
        assert "error" not in result, (result["error"], text)
        series: list[dict[str, Any]] = result.get("series", [])
        return series

    def count(self, bucket: str, measurement: str, field: str) -> int:
        """How many points have this field."""
        found = self.query(bucket, f'SELECT count("{field}") FROM "{measurement}"')
        return int(found[0]["values"][0][1]) if found else 0

    def _ask(self, method: str, path: str, parameters: dict[str, str], body: bytes = b"") -> bytes:
        address = f"{self._database}{path}?{urllib.parse.urlencode(parameters)}"
        request = urllib.request.Request(address, data=body, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            read: bytes = answer.read()
            return read


class _Adapter(BaseHTTPRequestHandler):
    owner: Influx
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        parts = urllib.parse.urlsplit(self.path)
        asked = dict(urllib.parse.parse_qsl(parts.query))
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        if parts.path != "/api/v2/write":
            return self._answer(404, "no such address")
        if self.headers.get("Authorization") != f"Token {TOKEN}":
            return self._answer(401, "unauthorized access")
        if asked.get("org") != ORG:
            return self._answer(404, "organization name not found")
        self.owner.requests.append(body.decode())
        return self._answer(*self.owner.store(asked["bucket"], body, asked["precision"]))

    def _answer(self, status: int, message: str) -> None:
        body = json.dumps({"code": "error", "message": message}).encode() if message else b""
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *_args: object) -> None:
        """Tests print nothing when they pass."""
