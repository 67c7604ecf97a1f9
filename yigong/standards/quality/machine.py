"""Loops over the views of text columns, compiled once per installation; answers are packed bits, one for each row.

Eight rows at a time make one byte of the answer, without branches: what fails is rare but where it fails is not known.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

_jit: Any = njit(cache=True, nogil=True, error_model="numpy", boundscheck=False)
_LENGTH, _HIGH = np.uint64(0xFFFFFFFF), np.uint64(0x8080808080808080)
_TOP = np.uint64(0x8080808000000000)


@_jit
def one_of(views, codes):  # type: ignore[no-untyped-def]
    """Whether a text is one of the short codes."""
    size, many = views.shape[0], codes.shape[0]
    out = np.zeros((size + 7) // 8, dtype=np.uint8)
    for i in range(size):
        a, b = views[i, 0], views[i, 1]
        hit = False
        for k in range(many):
            hit |= (codes[k, 0] == a) & (codes[k, 1] == b)
        out[i >> 3] |= np.uint8(hit) << np.uint8(i & 7)
    return out


@_jit
def length_between(views, least, most, later):  # type: ignore[no-untyped-def]
    """Whether a text has so many signs; long texts whose bytes do not settle it are left for *later*."""
    size, waiting = views.shape[0], 0
    out = np.zeros((size + 7) // 8, dtype=np.uint8)
    for i in range(size):
        a, b = views[i, 0], views[i, 1]
        length = np.int64(a & _LENGTH)
        good = (length <= most) & ((length + 3) // 4 >= least)
        if not good:
            if length > 12:
                later[waiting] = i
                waiting += 1
            elif (a & _TOP) | (b & _HIGH) == 0:  # one byte, one sign
                good = (length >= least) & (length <= most)
            else:
                signs = 0
                for k in range(length):
                    at = k + 4
                    signs += (views[i, at >> 3] >> np.uint64((at & 7) * 8)) & np.uint64(0xC0) != np.uint64(0x80)
                good = (signs >= least) & (signs <= most)
        out[i >> 3] |= np.uint8(good) << np.uint8(i & 7)
    return out, waiting


@_jit
def of_shape(views, allowed):  # type: ignore[no-untyped-def]
    """Whether a text has at each place one of the bytes allowed there, and no place more (12 at most)."""
    size, places = views.shape[0], allowed.shape[0]
    out = np.zeros((size + 7) // 8, dtype=np.uint8)
    for i in range(size):
        a, b = views[i, 0], views[i, 1]
        good = np.int64(a & _LENGTH) == places
        word = a >> np.uint64(32)
        for k in range(min(places, 4)):
            good &= allowed[k, word & np.uint64(0xFF)]
            word >>= np.uint64(8)
        word = b
        for k in range(4, places):
            good &= allowed[k, word & np.uint64(0xFF)]
            word >>= np.uint64(8)
        out[i >> 3] |= np.uint8(good) << np.uint8(i & 7)
    return out


@_jit
def of_form(views, steps, accepts, later):  # type: ignore[no-untyped-def]
    """Whether the automaton accepts a text; long texts are left for *later*. State 0 is the end of hope, 1 the start."""
    size, waiting = views.shape[0], 0
    out = np.zeros((size + 7) // 8, dtype=np.uint8)
    for i in range(size):
        length = np.int64(views[i, 0] & _LENGTH)
        if length > 12:
            later[waiting] = i
            waiting += 1
            continue
        state = np.int64(1)
        for k in range(length):
            at = k + 4
            byte = (views[i, at >> 3] >> np.uint64((at & 7) * 8)) & np.uint64(0xFF)
            state = np.int64(steps[state, byte])
        out[i >> 3] |= np.uint8(accepts[state]) << np.uint8(i & 7)
    return out, waiting


@_jit
def repeated(hashes):  # type: ignore[no-untyped-def]
    """The rows whose hash stands more than once, first ones included; hashes may collide, so they are candidates."""
    size = hashes.size
    bits = 4
    while (1 << bits) < size * 2:
        bits += 1
    mask = np.uint64((1 << bits) - 1)
    table = np.full(1 << bits, -1, dtype=np.int32)
    out = np.empty(size, dtype=np.uint32)
    told = np.zeros(size, dtype=np.bool_)
    count = 0
    for i in range(size):
        at = hashes[i] & mask
        while table[at] >= 0 and hashes[table[at]] != hashes[i]:
            at = (at + np.uint64(1)) & mask
        first = table[at]
        if first < 0:
            table[at] = i
            continue
        if not told[first]:
            told[first] = True
            out[count] = first
            count += 1
        out[count] = i
        count += 1
    return out[:count]
