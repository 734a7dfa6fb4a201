"""The key of an encrypted Bluetooth sensor: 32 hex digits alone in a file that only the gateway may read.

A secret: it goes into the cipher and nowhere else, neither into a log nor into a message of an error.
"""

from __future__ import annotations

import stat
from pathlib import Path

from pawon_firmware_bridge.advertisements import Unseal

KEY_BYTES = 16
TAG_BYTES = 4
MAX_FILE_BYTES = 100


class BindKeyError(Exception):
    """The file gives no key; the text names the remedy."""


def read_bind_key(path: Path) -> bytes:
    """The 16 bytes. Raises ``BindKeyError``."""
    try:
        with path.open("rb") as handle:
            text = handle.read(MAX_FILE_BYTES)
        key = bytes.fromhex(text.decode("ascii").strip())
    except OSError as error:
        raise BindKeyError(f"key_file {path}: {error.strerror}") from error
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise BindKeyError(f"key_file {path}: must hold 32 hex digits and nothing else")
    return key


def key_problem(path: Path) -> str | None:
    """What is wrong with a key file, or ``None``. Looks only."""
    try:
        read_bind_key(path)
        mode = stat.S_IMODE(path.stat().st_mode)
    except BindKeyError as error:
        return str(error)
    except OSError as error:
        return f"key_file {path}: {error.strerror}"
    return None if not mode & 0o077 else f"key_file {path}: others may read it; run: chmod 600 {path}"


def make_unseal(key: bytes) -> Unseal:
    """What opens advertisements that were sealed with this key."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESCCM

    cipher = AESCCM(key, tag_length=TAG_BYTES)

    def unseal(nonce: bytes, sealed: bytes) -> bytes | None:
        try:
            return cipher.decrypt(nonce, sealed, None)
        except InvalidTag:
            return None

    return unseal
