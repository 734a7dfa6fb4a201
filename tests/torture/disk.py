"""A disk that loses power, made of the real one: what SQLite wrote but did not sync survives in part, or not at all.

It changes the SQLite library that Python's own ``sqlite3`` module uses, in this process: the default VFS is replaced by
a copy whose open, write, truncate, sync and delete come here first. So the spool runs unchanged, with the library and
the calls it has in a kitchen, and needs no seam. (apsw brings another SQLite with it, which would be tested instead.)

Model: writes go to the files at once (the page cache). Beside it stands what is on the medium for certain: the bytes at
the last sync of each file. A cut keeps, of what came later, any 512-byte sectors (in their last or an earlier version),
any sizes, and any new or deleted names that no sync of the folder has fixed. A sector is old or new, never mixed:
SQLite and the makers of cards call that power-safe overwrite.
"""

from __future__ import annotations

import _sqlite3
import ctypes
import os
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

SECTOR_BYTES = 512
OK, IOERR, FULL = 0, 10, 13
IOERR_FSYNC = IOERR | (4 << 8)
OPEN_CREATE = 0x4
# A new journal or log: SQLite's unix VFS syncs the folder with the file's first sync.
OPEN_SYNCS_FOLDER = 0x0800 | 0x4000 | 0x80000

_Pointer, _Int, _Int64 = ctypes.c_void_p, ctypes.c_int, ctypes.c_int64
_Close = ctypes.CFUNCTYPE(_Int, _Pointer)
_Write = ctypes.CFUNCTYPE(_Int, _Pointer, _Pointer, _Int, _Int64)
_Truncate = ctypes.CFUNCTYPE(_Int, _Pointer, _Int64)
_Sync = ctypes.CFUNCTYPE(_Int, _Pointer, _Int)
_Open = ctypes.CFUNCTYPE(_Int, _Pointer, _Pointer, _Pointer, _Int, _Pointer)
_Delete = ctypes.CFUNCTYPE(_Int, _Pointer, ctypes.c_char_p, _Int)


class _Methods(ctypes.Structure):
    """``struct sqlite3_io_methods``, https://www.sqlite.org/c3ref/io_methods.html."""

    _fields_ = (
        ("version", _Int), ("close", _Close), ("read", _Pointer), ("write", _Write), ("truncate", _Truncate),
        ("sync", _Sync), ("rest", _Pointer * 13),
    )  # fmt: skip


class _Vfs(ctypes.Structure):
    """``struct sqlite3_vfs``, https://www.sqlite.org/c3ref/vfs.html."""

    _fields_ = (
        ("version", _Int), ("file_bytes", _Int), ("longest_name", _Int), ("next", _Pointer), ("name", ctypes.c_char_p),
        ("data", _Pointer), ("open", _Open), ("delete", _Delete), ("rest", _Pointer * 14),
    )  # fmt: skip


@dataclass(slots=True)
class _File:
    """One file: what the medium holds for certain, and what was done since."""

    path: str
    durable: bytearray
    # (offset, bytes) for a write, (size, None) for a truncation.
    since: list[tuple[int, bytes | None]] = field(default_factory=list)
    syncs_folder: bool = False


class Disk:
    """While ``installed``, every SQLite file of this process lives on it. ``power_cut`` decides what is left."""

    def __init__(self, seed: int, *, remembers: bool = True) -> None:
        # Without memory it has no power to lose: only ``fault`` is of use, and files of any size cost nothing.
        self.remembers = remembers
        self.chance = random.Random(seed)
        self.operations = 0
        self.cut_at: int | None = None
        # Called with "write", "sync" ... before each operation; an SQLite error code is returned instead of doing it.
        self.fault: Callable[[str, str], int] = lambda _kind, _path: OK
        self.dead = False
        self._files: dict[str, _File] = {}
        self._handles: dict[int, str] = {}
        self._new: set[str] = set()
        self._deleted: dict[str, bytes] = {}
        self._methods: dict[int, tuple[_Methods, _Methods]] = {}
        self.failure: BaseException | None = None

    @contextmanager
    def installed(self) -> Iterator[Disk]:
        """Put the disk under SQLite, and take it away again."""
        library = ctypes.CDLL(_sqlite3.__file__)  # finds the library the module is linked to
        library.sqlite3_vfs_find.restype = ctypes.POINTER(_Vfs)
        self._real: _Vfs = library.sqlite3_vfs_find(None).contents
        ours = _Vfs.from_buffer_copy(self._real)
        ours.next, ours.name = None, b"pawon-torture"
        ours.open, ours.delete = _Open(self._guard(self._open)), _Delete(self._guard(self._delete))
        library.sqlite3_vfs_register(ctypes.byref(ours), 1)
        try:
            yield self
        finally:
            library.sqlite3_vfs_unregister(ctypes.byref(ours))
            library.sqlite3_vfs_register(ctypes.byref(self._real), 1)
        if self.failure is not None:
            raise self.failure
        if self._handles and self.remembers:
            raise RuntimeError(f"still open: {sorted(set(self._handles.values()))}")

    def power_cut(self) -> None:
        """Leave on the real files what the medium kept. SQLite must have let go of them."""
        keep = self.chance.choice((0.0, 1.0, self.chance.random(), self.chance.random()))
        for path, file in self._files.items():
            if path in self._new and self.chance.random() < 0.5:
                Path(path).unlink(missing_ok=True)
            else:
                Path(path).write_bytes(self._survivors(file, keep))
        for path, content in self._deleted.items():
            if self.chance.random() < 0.5:
                Path(path).write_bytes(content)

    def _survivors(self, file: _File, keep: float) -> bytes:
        medium = bytearray(file.durable)
        for offset, content in file.since:
            if content is None:
                if self.chance.random() < keep:
                    del medium[offset:]
                continue
            end = offset + len(content)
            if end > len(medium) and self.chance.random() < keep / 4:
                medium.extend(bytes(end - len(medium)))  # the size came through, the data did not
            for start in range(offset - offset % SECTOR_BYTES, end, SECTOR_BYTES):
                if self.chance.random() < keep:
                    low, high = max(start, offset), min(start + SECTOR_BYTES, end)
                    if len(medium) < high:
                        medium.extend(bytes(high - len(medium)))
                    medium[low:high] = content[low - offset : high - offset]
        return bytes(medium)

    # --- called by SQLite -------------------------------------------------------------------------------------------

    def _guard(self, work: Callable[..., int]) -> Callable[..., int]:
        """An exception cannot pass through C: it is an I/O error there, and raised when the disk is taken away."""

        def guarded(*arguments: object) -> int:
            try:
                return work(*arguments)
            except BaseException as error:  # noqa: BLE001 - kept and raised by ``installed``
                self.failure = self.failure or error
                return IOERR

        return guarded

    def _step(self, kind: str, path: str) -> int:
        """Count an operation: it may be the one at which the power goes."""
        if self.dead:
            return IOERR
        self.operations += 1
        if self.cut_at is not None and self.operations >= self.cut_at:
            self.dead = True
        return self.fault(kind, path)

    def _open(self, _vfs: int, name: int | None, file: int, flags: int, out: int | None) -> int:
        path = ctypes.string_at(name).decode() if name else ""
        fresh = bool(path) and not Path(path).exists()
        if fresh and flags & OPEN_CREATE and (code := self._step("create", path)):
            return code
        code = self._real.open(ctypes.addressof(self._real), name, file, flags, out)
        if code == OK and path:
            self._handles[file] = path
            if path not in self._files:
                kept = bytearray() if fresh or not self.remembers else bytearray(Path(path).read_bytes())
                self._files[path] = _File(path, kept)
            if fresh:
                self._new.add(path)
                self._files[path].syncs_folder = bool(flags & OPEN_SYNCS_FOLDER)
            methods = _Pointer.from_address(file)
            if methods.value is not None:
                methods.value = ctypes.addressof(self._ours(methods.value))
        return code

    def _ours(self, address: int) -> _Methods:
        """The file's methods with ours in the place of those that change the medium."""
        if address not in self._methods:
            real = _Methods.from_address(address)
            ours = _Methods.from_buffer_copy(real)

            def close(file: int) -> int:
                self._handles.pop(file, None)
                return int(real.close(file))

            def write(file: int, data: int, count: int, offset: int) -> int:
                path = self._handles[file]
                was_dead = self.dead
                code = self._step("write", path)
                if code == OK:
                    if self.remembers:
                        self._files[path].since.append((offset, ctypes.string_at(data, count)))
                    code = int(real.write(file, data, count, offset))
                return IOERR if self.dead and not was_dead else code

            def truncate(file: int, size: int) -> int:
                path = self._handles[file]
                if code := self._step("truncate", path):
                    return code
                if self.remembers:
                    self._files[path].since.append((size, None))
                return int(real.truncate(file, size))

            def sync(file: int, _flags: int) -> int:
                known = self._files[self._handles[file]]
                if code := self._step("sync", known.path):
                    return code
                if self.dead:
                    return IOERR  # the power went while it was syncing
                if not self.remembers:
                    return int(real.sync(file, _flags))
                with open(known.path, "rb") as now:  # noqa: PTH123 - the whole of a small file
                    known.durable, known.since = bytearray(now.read()), []
                if known.syncs_folder:
                    known.syncs_folder = False
                    self._new.clear()
                    self._deleted.clear()
                return OK

            ours.close, ours.write = _Close(self._guard(close)), _Write(self._guard(write))
            ours.truncate, ours.sync = _Truncate(self._guard(truncate)), _Sync(self._guard(sync))
            self._methods[address] = (real, ours)
            self._methods[ctypes.addressof(ours)] = (ours, ours)
        return self._methods[address][1]

    def _delete(self, _vfs: int, name: bytes, sync_folder: int) -> int:
        path = os.fsdecode(name)
        if code := self._step("delete", path):
            return code
        file = self._files.pop(path, None)
        if file is not None and not (sync_folder and not self.dead):
            self._deleted[path] = self._survivors(file, self.chance.random())
        self._new.discard(path)
        code = int(self._real.delete(ctypes.addressof(self._real), name, 0))
        if sync_folder and not self.dead:
            self._new.clear()
            self._deleted.clear()
        return code
