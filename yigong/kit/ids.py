"""Ids that may stand in an address: a keyed permutation of internal numbers, so that nothing can be counted or guessed."""

from __future__ import annotations

import hashlib
import hmac
import uuid
from functools import lru_cache

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: nothing looks like another sign
_PAIRS = [a + b for a in ALPHABET for b in ALPHABET]
_ROUNDS = 4
_HALF = (1 << 32) - 1


class _Rounds:
    """The rounds under one key: HMAC-SHA-256 of the round's number and a half, begun beforehand as far as can be."""

    def __init__(self, key: str) -> None:
        secret = hashlib.sha256(key.encode()).digest()
        self._begun = [hmac.new(secret, bytes([turn]), "sha256") for turn in range(_ROUNDS)]

    def __call__(self, turn: int, half: int) -> int:
        mac = self._begun[turn].copy()
        mac.update(half.to_bytes(4, "big"))
        return int.from_bytes(mac.digest()[:4], "big")


@lru_cache(maxsize=4)
def _rounds(key: str) -> _Rounds:
    return _Rounds(key)


@lru_cache(maxsize=16_384)  # a page names the same thing several times
def opaque(key: str, number: int) -> str:
    """The 13-sign public form of a 64-bit internal *number* under *key*."""
    round_of = _rounds(key)
    left, right = number >> 32 & _HALF, number & _HALF
    for turn in range(_ROUNDS):
        left, right = right, left ^ round_of(turn, right)
    value = left << 32 | right
    return ALPHABET[value >> 60] + "".join([_PAIRS[value >> shift & 1023] for shift in (50, 40, 30, 20, 10, 0)])


def reveal(key: str, text: str) -> int:
    """The internal number behind the public form. Raises ValueError for what never was one."""
    if len(text) != 13 or any(c not in ALPHABET for c in text):
        raise ValueError("not an id")
    value = 0
    for sign in text:
        value = value << 5 | ALPHABET.index(sign)
    if value >> 64:
        raise ValueError("not an id")
    round_of = _rounds(key)
    left, right = value >> 32, value & _HALF
    for turn in reversed(range(_ROUNDS)):
        left, right = right ^ round_of(turn, left), left
    number = left << 32 | right
    if number >> 63:
        raise ValueError("not an id")
    return number


def new_request_id() -> str:
    """A short id a user can read to the help desk."""
    return uuid.uuid4().hex[:8].upper()
