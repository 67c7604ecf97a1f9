"""The keys of a node: made here, kept in files only their owner may read, never sent."""

from __future__ import annotations

import os
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from yigong.kit.errors import Refused

KEY, NEXT, SEAL = "node.key", "node.key.new", "seal.key"


def write_private(path: Path, data: bytes) -> None:
    """Write a file that only its owner may read, wholly or not at all, even when the power fails."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    new = path.with_name(path.name + ".part")
    new.unlink(missing_ok=True)
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Bring the names of a folder to the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def make_key(path: Path) -> Ed25519PrivateKey:
    """A new signing key in the file *path*."""
    key = Ed25519PrivateKey.generate()
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    write_private(path, key.private_bytes(*form))
    return key


def load_key(path: Path) -> Ed25519PrivateKey:
    """The signing key in a file. Raises Refused edge.not_enrolled, edge.key_broken, edge.key_open."""
    if not path.exists():
        raise Refused("edge.not_enrolled", folder=str(path.parent))
    if path.stat().st_mode & 0o077:
        raise Refused("edge.key_open", path=str(path))
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except ValueError as error:
        raise Refused("edge.key_broken", path=str(path)) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise Refused("edge.key_broken", path=str(path))
    return key


class Seal:
    """Closes what waits on the disk, so that a copied buffer without the key file tells nothing."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            write_private(path, ChaCha20Poly1305.generate_key())
        self._cipher = ChaCha20Poly1305(path.read_bytes())

    def close(self, data: bytes, name: str) -> bytes:
        """*data* sealed; it opens only under the same *name*."""
        nonce = os.urandom(12)
        return nonce + self._cipher.encrypt(nonce, data, name.encode())

    def open(self, sealed: bytes, name: str) -> bytes:
        """What was sealed. Raises Refused edge.broken when the disk did not keep it."""
        try:
            return self._cipher.decrypt(sealed[:12], sealed[12:], name.encode())
        except (InvalidTag, ValueError) as error:
            raise Refused("edge.broken", part="seal") from error
