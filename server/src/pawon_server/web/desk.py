"""The desk: who is asking, and the only way in which a page or the API writes.

A session is a signed cookie that names a person and the version of their PIN: a new PIN ends it, and so does leaving.
Every request that writes must come from a page of this server (``Origin``), name a person who signed in, and fit in
``MAX_BODY_BYTES``; what it writes is in the record when the answer comes.
"""

from __future__ import annotations

import hashlib
import hmac
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import urlsplit

import anyio.to_thread
import msgspec
from fastapi import HTTPException, Request, Response
from sqlalchemy import Engine, select

from ..acts import AnyAct, encode_act
from ..ingest.writer import NotWrittenError
from ..people.person import Person
from ..people.pin import Throttle, fits
from ..projections.acts import Refusal, Written
from ..store.tables import person

A = TypeVar("A", bound=AnyAct)
COOKIE = "pawon_session"
# A shift with what comes before and after it.
SESSION_S = 12 * 3600
MAX_BODY_BYTES = 16_384
NOT_SIGNED_IN = "Masuk dulu dengan nama dan PIN"


class Desk:
    """``write`` journals an act (``Writer.write``); ``key`` signs sessions. May be asked from any thread."""

    def __init__(
        self, reader: Engine, kitchen: str, key: bytes, write: Callable[[bytes], Written | Refusal],
        clock_s: Callable[[], float] = time.time, waits_s: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self._reader, self._kitchen, self._key, self._write, self._clock_s = reader, kitchen, key, write, clock_s
        self._throttle = Throttle(waits_s)
        # Hashing a PIN is slow on purpose: one at a time, so that nobody can keep the machine busy with it.
        self._one = threading.Lock()

    # --- who is asking ----------------------------------------------------------------------------------------------

    def sign_in(self, request: Request, name: str, pin: str) -> tuple[Person, str]:
        """The person and their session. Raises what ``prove`` raises."""
        same_origin(request)
        found = self.prove(name, pin, "" if request.client is None else request.client.host)
        return found, self._session(found)

    def prove(self, name: str, pin: str, place: str = "") -> Person:
        """Whose PIN it is. Raises 401 for a wrong name or PIN, 429 when it is to be waited.

        Waits are counted by name and ``place`` (the address that asks): nobody keeps a colleague out from elsewhere.
        """
        with self._one:
            here = f"{name}~{place}"
            wait_s = self._throttle.wait_s(here)
            if wait_s > 0:
                seconds = str(round(wait_s) + 1)
                raise HTTPException(429, f"Tunggu {seconds} detik", headers={"Retry-After": seconds})
            found = self._person(name)
            right = fits(pin, found.pin if found is not None else "") and found is not None
            self._throttle.told(here, right=right)
        if not right or found is None:
            raise HTTPException(401, "Nama atau PIN salah")
        return found

    def person(self, request: Request) -> Person | None:
        """Who asks, or ``None`` for somebody who did not sign in."""
        parts = request.cookies.get(COOKIE, "").split("~")
        if len(parts) != 4:
            return None
        name, version, until, signature = parts
        if not hmac.compare_digest(signature.encode(), self._sign(f"{name}~{version}~{until}").encode()):
            return None
        if not until.isdecimal() or int(until) < self._clock_s():
            return None
        found = self._person(name)
        return found if found is not None and str(found.version) == version else None

    def need(self, request: Request) -> Person:
        """Who asks. Raises 401 for nobody."""
        found = self.person(request)
        if found is None:
            raise HTTPException(401, NOT_SIGNED_IN)
        return found

    # --- what they write --------------------------------------------------------------------------------------------

    async def body(self, request: Request) -> bytes:
        """A request's body, as far as one may be. Raises 413."""
        parts, size = [], 0
        async for part in request.stream():
            size += len(part)
            if size > MAX_BODY_BYTES:
                raise HTTPException(413, "Terlalu panjang")
            parts.append(part)
        return b"".join(parts)

    async def write(self, request: Request, make: Callable[[Person], AnyAct]) -> Written:
        """Write the act that ``make`` makes of the person who asks (in a thread: it may hash a PIN); it is durable when
        this returns.

        Raises 401 and 403 for who may not, 409 for what cannot be, 422 for what is no act, 503 when it could not be
        stored: then the same may be sent again.
        """
        same_origin(request)
        asking = await anyio.to_thread.run_sync(self.need, request)
        try:
            payload = await anyio.to_thread.run_sync(lambda: encode_act(make(asking)))
            answer = await anyio.to_thread.run_sync(self._write, payload)
        except msgspec.DecodeError as error:
            raise HTTPException(422, str(error)) from error
        except NotWrittenError as error:
            raise HTTPException(503, f"Belum tersimpan, coba lagi ({error})") from error
        if isinstance(answer, Refusal):
            raise HTTPException(answer.status, answer.reason)
        return answer

    # --- inside -----------------------------------------------------------------------------------------------------

    def _person(self, name: str) -> Person | None:
        if "\0" in name:
            return None
        with self._reader.connect() as connection:
            row = connection.execute(
                select(person).where(person.c.kitchen == self._kitchen, person.c.id == name, person.c.active)
            ).first()
        if row is None:
            return None
        return Person(id=row.id, name=row.name, role=row.role, pin=row.pin, active=row.active, version=row.version)

    def _session(self, found: Person) -> str:
        said = f"{found.id}~{found.version}~{int(self._clock_s()) + SESSION_S}"
        return f"{said}~{self._sign(said)}"

    def _sign(self, said: str) -> str:
        return hmac.new(self._key, f"{self._kitchen}~{said}".encode(), hashlib.sha256).hexdigest()


def same_origin(request: Request) -> None:
    """Raises 403 unless a page of this server asks: a browser says whose page it is, and nobody else can make it."""
    origin = request.headers.get("origin")
    if origin is None or urlsplit(origin).netloc != request.headers.get("host"):
        raise HTTPException(403, "Hanya dari halaman Pawon sendiri")


def keep_session(request: Request, response: Response, session: str) -> None:
    """Give the browser its session; over TLS only where the page came by TLS."""
    secure = request.url.scheme == "https" or (request.headers.get("origin") or "").startswith("https:")
    response.set_cookie(COOKIE, session, max_age=SESSION_S, samesite="strict", httponly=True, secure=secure)


async def write_said(
    desk: Desk, request: Request, kind: type[A], unsaid: Mapping[str, object] | None = None, **named: object
) -> tuple[A, Written]:
    """Write the act whose fields a request's body holds as JSON, with what the address says of it (``named``), and what
    counts where the body says nothing (``unsaid``).

    Raises as ``Desk.write``; 422 also for a field that the act does not have.
    """
    body, made = await desk.body(request), []

    def make(person: Person) -> AnyAct:
        said = msgspec.json.decode(body, type=dict[str, Any])
        unknown = set(said) - set(kind.__struct_fields__)
        if unknown:
            raise msgspec.ValidationError(f"Object contains unknown field `{min(unknown)}`")
        made.append(msgspec.convert({**(unsaid or {}), **said, **named, "by": person.id}, kind))
        return made[-1]

    written = await desk.write(request, make)
    return made[-1], written
