"""Ids that may stand in an address: a keyed permutation of internal numbers, so that nothing can be counted or guessed."""

from __future__ import annotations

import hashlib
import hmac
import uuid
from functools import lru_cache

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: nothing looks like another sign
_ROUNDS = 4
_HALF = (1 << 32) - 1


def _round(key: bytes, number: int, half: int) -> int:
    digest = hmac.digest(key, bytes([number]) + half.to_bytes(4, "big"), "sha256")
    return int.from_bytes(digest[:4], "big")


@lru_cache(maxsize=4)
def _secret(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()


@lru_cache(maxsize=16_384)  # a page names the same thing several times
def opaque(key: str, number: int) -> str:
    """The 13-sign public form of a 64-bit internal *number* under *key*."""
    secret = _secret(key)
    left, right = number >> 32 & _HALF, number & _HALF
    for turn in range(_ROUNDS):
        left, right = right, left ^ _round(secret, turn, right)
    value = left << 32 | right
    return "".join(ALPHABET[value >> shift & 31] for shift in range(60, -1, -5))


def reveal(key: str, text: str) -> int:
    """The internal number behind the public form. Raises ValueError for what never was one."""
    if len(text) != 13 or any(c not in ALPHABET for c in text):
        raise ValueError("not an id")
    value = 0
    for sign in text:
        value = value << 5 | ALPHABET.index(sign)
    if value >> 64:
        raise ValueError("not an id")
    secret = _secret(key)
    left, right = value >> 32, value & _HALF
    for turn in reversed(range(_ROUNDS)):
        left, right = right ^ _round(secret, turn, left), left
    number = left << 32 | right
    if number >> 63:
        raise ValueError("not an id")
    return number


def new_request_id() -> str:
    """A short id a user can read to the help desk."""
    return uuid.uuid4().hex[:8].upper()
