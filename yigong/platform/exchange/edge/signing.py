"""The centre's own key: made of the installation's secret, the same in every process."""

from __future__ import annotations

import hashlib
from functools import cache

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings

from yigong.edge import api as edge


@cache
def _key(secret: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"yigong-centre\n" + secret.encode()).digest())


def sign(base: bytes) -> str:
    """The centre's signature."""
    return edge.sign(_key(settings.EDGE_SECRET), base)


def public_key() -> str:
    """What nodes know the centre by."""
    return edge.public_text(_key(settings.EDGE_SECRET))
