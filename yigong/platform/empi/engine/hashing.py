"""Mixing of 64-bit numbers, the ground of every key."""

from __future__ import annotations

from yigong.platform.empi.engine.kernels import inner


@inner
def mix(h: int, x: int) -> int:
    """The number *h* with *x* stirred in; all bits of both reach all bits of the result."""
    z = (h ^ x) * -7046029254386353131
    z = (z ^ ((z >> 32) & 0xFFFFFFFF)) * -4658895280553007687
    return z ^ ((z >> 29) & 0x7FFFFFFFF)
