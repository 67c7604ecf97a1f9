"""Signatures of institutions: Ed25519 over the bytes of a document; keys lie in files only their owner may read. Pure."""

from __future__ import annotations

import base64
import hashlib
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

from yigong.kit.errors import Refused

Private = Ed25519PrivateKey | ec.EllipticCurvePrivateKey
ORG_CODE = re.compile(r"[0-9A-Z-]{4,24}\Z")


class Seal(NamedTuple):
    """A signature with the key that proves it; both as text."""

    key_id: str
    public_key: str
    signature: str


def key_of(folder: Path, org_code: str) -> Ed25519PrivateKey:
    """The signing key of an institution, made when it signs for the first time.

    Raises Refused documents.key_open where others may read the file, documents.key_broken.
    """
    key = _key(folder, org_code, "key", Ed25519PrivateKey.generate)
    if not isinstance(key, Ed25519PrivateKey):
        raise Refused("documents.key_broken", org_code=org_code)
    return key


def copy_key_of(folder: Path, org_code: str) -> ec.EllipticCurvePrivateKey:
    """The key (P-256) by which copies of an institution's documents are signed. Raises Refused as ``key_of`` does."""
    key = _key(folder, org_code, "copy.key", lambda: ec.generate_private_key(ec.SECP256R1()))
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise Refused("documents.key_broken", org_code=org_code)
    return key


def _key(folder: Path, org_code: str, ending: str, generate: Callable[[], Private]) -> PrivateKeyTypes:
    if not ORG_CODE.match(org_code):
        raise Refused("documents.no_institution", org_code=org_code[:24])
    path = folder / f"{org_code}.{ending}"
    if not path.exists():
        _make(path, generate())
    if path.stat().st_mode & 0o077:
        raise Refused("documents.key_open", org_code=org_code)
    try:
        return serialization.load_pem_private_key(path.read_bytes(), password=None)
    except ValueError as error:
        raise Refused("documents.key_broken", org_code=org_code) from error


def _make(path: Path, key: Private) -> None:
    """A new key, whole or not at all; of two processes that make one, the first stays."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    new = path.with_name(f"{path.name}.{os.getpid()}")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(key.private_bytes(*form))
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(new, path)
    except FileExistsError:
        pass
    finally:
        new.unlink()


def seal(key: Ed25519PrivateKey, data: bytes) -> Seal:
    """The signature of *data*."""
    public = key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return Seal(key_id(public), base64.b64encode(public).decode(), base64.b64encode(key.sign(data)).decode())


def key_id(public: bytes) -> str:
    """The name of a key: the first 16 signs of the digest of its public part."""
    return hashlib.sha256(public).hexdigest()[:16]


def holds(data: bytes, given: Seal) -> bool:
    """Whether the signature is one of *data* by its key."""
    try:
        public = base64.b64decode(given.public_key, validate=True)
        Ed25519PublicKey.from_public_bytes(public).verify(base64.b64decode(given.signature, validate=True), data)
    except (InvalidSignature, ValueError):
        return False
    return key_id(public) == given.key_id
