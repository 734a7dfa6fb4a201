"""A card that loses power: an ext4 file system in an image, mounted through the loop device (root only).

A cut copies the image while its writers stand still: what programs wrote and did not sync is still in memory then and
is not in the copy, whatever program it is. The copy is mounted in the place of the original, its journal replayed, as
at the next start. Milder than a real card, which may also lose what lies in a cache of its own.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

SIZE_MB = 192


def possible() -> bool:
    """Whether this user may mount one here."""
    return os.getuid() == 0 and Path("/dev/loop-control").exists() and shutil.which("mkfs.ext4") is not None


class Card:
    """``folder`` is on the card. Without the right to mount it is an ordinary folder and cannot be cut."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.folder.mkdir(parents=True)
        self._image: Path | None = None
        if possible():
            self._image = Path(f"{folder}.img")
            with self._image.open("wb") as file:
                file.truncate(SIZE_MB << 20)
            _run("mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0", self._image)
            self._mount()

    def cut(self) -> Path:
        """The power goes now: a picture of the medium. Then end what writes, and ``restore``."""
        assert self._image is not None, "power cuts need root, for mounting"
        picture = Path(f"{self._image}.cut")
        _run("cp", "--sparse=always", self._image, picture)
        return picture

    def restore(self, picture: Path) -> None:
        """What the picture shows is the card from now on."""
        assert self._image is not None
        self.close()
        picture.replace(self._image)
        self._mount()

    def close(self) -> None:
        """Unmount."""
        if self._image is not None:
            _run("umount", self.folder)

    def _mount(self) -> None:
        _run("mount", "-o", "loop", self._image, self.folder)


def _run(*command: object) -> None:
    subprocess.run([str(part) for part in command], check=True, capture_output=True)
