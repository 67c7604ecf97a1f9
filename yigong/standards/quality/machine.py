"""Loops over the views of text columns, compiled once per installation; answers are packed bits, one for each row.

All tests of a column are made in one reading of it, a block that fits the first cache at a time. Within a block every
test is a plain loop without branches over two words for each text, which the compiler turns into vector instructions.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

_jit: Any = njit(cache=True, nogil=True, error_model="numpy", boundscheck=False)
GIVEN, CODES, LENGTH, SHAPES, FORM, MANY_CODES = range(6)
BLOCK, KEPT = 1024, 4096
INLINE = 12
_LENGTH, _ONES = np.uint64(0xFFFFFFFF), np.uint64(0x0101010101010101)
_HIGH, _LOW = np.uint64(0x8080808080808080), np.uint64(0x7F7F7F7F7F7F7F7F)
_PACK, _MIX, _MIX2 = np.uint64(0x0102040810204080), np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9)


@intrinsic  # type: ignore[misc, call-arg]
def _byte_at(_context, _address):  # type: ignore[no-untyped-def]
    """The byte at an address."""

    def made(_context, builder, _signature, arguments):  # type: ignore[no-untyped-def]
        return builder.load(builder.inttoptr(arguments[0], ir.IntType(8).as_pointer()))

    return types.uint8(types.int64), made


_byte: Any = _byte_at


@_jit
def _given(a, n, said):  # type: ignore[no-untyped-def]
    for i in range(n):
        said[i] = (a[i] & _LENGTH) != 0


@_jit
def _codes(a, b, n, words, start, many, said):  # type: ignore[no-untyped-def]
    said[:n] = 0
    for k in range(many):
        first, second = words[start + 2 * k], words[start + 2 * k + 1]
        for i in range(n):
            said[i] |= (a[i] == first) & (b[i] == second)


@_jit
def _many_codes(a, b, n, words, start, mask, said):  # type: ignore[no-untyped-def]
    """One of a table of codes with open places; a free place has a length that no short text has."""
    for i in range(n):
        at = ((a[i] ^ (b[i] * _MIX)) * _MIX2 >> np.uint64(40)) & mask
        hit = False
        while words[start + 2 * at] != _LENGTH:
            if (words[start + 2 * at] == a[i]) & (words[start + 2 * at + 1] == b[i]):
                hit = True
                break
            at = (at + np.uint64(1)) & mask
        said[i] = hit


@_jit
def _length(a, b, n, least, most, said):  # type: ignore[no-untyped-def]
    """Whether a text has so many signs: bytes that do not go on with the sign before them."""
    for i in range(n):
        x, y = a[i] >> np.uint64(32), b[i]
        on = ((x >> np.uint64(7)) & ~(x >> np.uint64(6)) & _ONES) + ((y >> np.uint64(7)) & ~(y >> np.uint64(6)) & _ONES)
        signs = (a[i] & _LENGTH) - ((on * _ONES) >> np.uint64(56))
        said[i] = (signs >= least) & (signs <= most)


@_jit
def _long_length(a, b, n, addresses, least, most, said):  # type: ignore[no-untyped-def]
    for i in range(n):
        size = np.int64(a[i] & _LENGTH)
        if size > INLINE:
            good = (size <= most) & ((size + 3) // 4 >= least)
            if not good:
                at = addresses[np.int64(b[i] & _LENGTH)] + np.int64(b[i] >> np.uint64(32))
                signs = 0
                for k in range(size):
                    signs += (_byte(at + k) & 0xC0) != 0x80
                good = (signs >= least) & (signs <= most)
            said[i] = good


@_jit
def _shapes(a, b, n, words, start, many, said):  # type: ignore[no-untyped-def]
    """Whether a text has one of the shapes: its length, fixed bytes, and at the other places one of some ranges."""
    said[:n] = 0
    at = start
    for _ in range(many):
        size, ranges = words[at], np.int64(words[at + 1])
        fixed_a, mask_a, fixed_b, mask_b = words[at + 2], words[at + 3], words[at + 4], words[at + 5]
        free_a, free_b = words[at + 6], words[at + 7]
        at += 8
        if ranges == 1:
            low_a, high_a, low_b, high_b = words[at], words[at + 1], words[at + 2], words[at + 3]
            for i in range(n):
                x, y = a[i] >> np.uint64(32), b[i]
                p, q = x & _LOW, y & _LOW
                ok = ((a[i] & _LENGTH) == size) & (((x ^ fixed_a) & mask_a) == 0) & (((y ^ fixed_b) & mask_b) == 0)
                in_a = (((p + low_a) & ~(p + high_a)) | free_a) & _HIGH
                in_b = (((q + low_b) & ~(q + high_b)) | free_b) & _HIGH
                said[i] |= ok & (in_a == _HIGH) & (in_b == _HIGH)
        else:
            for i in range(n):
                x, y = a[i] >> np.uint64(32), b[i]
                p, q = x & _LOW, y & _LOW
                in_a, in_b = free_a, free_b
                for r in range(ranges):
                    in_a |= (p + words[at + 4 * r]) & ~(p + words[at + 4 * r + 1])
                    in_b |= (q + words[at + 4 * r + 2]) & ~(q + words[at + 4 * r + 3])
                ok = ((a[i] & _LENGTH) == size) & (((x ^ fixed_a) & mask_a) == 0) & (((y ^ fixed_b) & mask_b) == 0)
                said[i] |= ok & (in_a & _HIGH == _HIGH) & (in_b & _HIGH == _HIGH)
        at += 4 * ranges


@_jit
def _form(a, b, n, addresses, steps, start, kept, said):  # type: ignore[no-untyped-def]
    """Whether the automaton accepts a text; what it said of a short one is kept for the next that reads the same.

    State 0 is the end of hope, 1 the start; the last entry of a state's row tells whether it accepts.
    """
    for i in range(n):
        size = np.int64(a[i] & _LENGTH)
        slot = np.int64(((a[i] ^ (b[i] * _MIX)) * _MIX2) >> np.uint64(52))
        if size <= INLINE and kept[slot, 0] == a[i] and kept[slot, 1] == b[i]:
            said[i] = np.uint8(kept[slot, 2])
            continue
        state = np.int64(1)
        if size <= INLINE:
            word = a[i] >> np.uint64(32)
            for k in range(size):
                if k == 4:
                    word = b[i]
                state = np.int64(steps[start + state * 257 + np.int64(word & np.uint64(0xFF))])
                word >>= np.uint64(8)
            kept[slot, 0], kept[slot, 1] = a[i], b[i]
            kept[slot, 2] = np.uint64(steps[start + state * 257 + 256])
        else:
            at = addresses[np.int64(b[i] & _LENGTH)] + np.int64(b[i] >> np.uint64(32))
            for k in range(size):
                state = np.int64(steps[start + state * 257 + np.int64(_byte(at + k))])
                if state == 0:
                    break
        said[i] = steps[start + state * 257 + 256]


@_jit
def _packed(said, n, out):  # type: ignore[no-untyped-def]
    words = said.view(np.uint64)
    for i in range((n + 7) // 8):
        out[i] = np.uint8((words[i] * _PACK) >> np.uint64(56))


@_jit
def scan(views, addresses, tests, words, steps, out):  # type: ignore[no-untyped-def]
    """All tests of a column: ``tests`` (kind, start, many) and what they compare with; ``out[test]`` packed bits."""
    size, many = views.size // 2, tests.shape[0]
    a, b = np.empty(BLOCK, dtype=np.uint64), np.empty(BLOCK, dtype=np.uint64)
    said = np.zeros(BLOCK, dtype=np.uint8)
    kept = np.full((many, KEPT, 3), _LENGTH, dtype=np.uint64)
    for first in range(0, size, BLOCK):
        n, lengths = min(BLOCK, size - first), np.uint64(0)
        part = views[2 * first : 2 * first + 2 * n]  # a slice: an index that is never below nought goes in vectors
        for i in range(n):
            a[i], b[i] = part[2 * i], part[2 * i + 1]
            lengths |= (a[i] & _LENGTH) + np.uint64(3)  # 16 and more: some text is longer than its view
        for t in range(many):
            kind, start, parts = tests[t, 0], tests[t, 1], tests[t, 2]
            if kind == GIVEN:
                _given(a, n, said)
            elif kind == CODES:
                _codes(a, b, n, words, start, parts, said)
            elif kind == MANY_CODES:
                _many_codes(a, b, n, words, start, np.uint64(parts - 1), said)
            elif kind == LENGTH:
                _length(a, b, n, words[start], words[start + 1], said)
                if lengths >= 16:
                    _long_length(a, b, n, addresses, np.int64(words[start]), np.int64(words[start + 1]), said)
            elif kind == SHAPES:
                _shapes(a, b, n, words, start, parts, said)
            else:
                _form(a, b, n, addresses, steps, start, kept[t], said)
            _packed(said, n, out[t, first // 8 :])


@_jit
def positions(words):  # type: ignore[no-untyped-def]
    """The places of the set bits."""
    many = 0
    for i in range(words.size):
        word = words[i]
        while word:
            word &= word - np.uint64(1)
            many += 1
    out = np.empty(many, dtype=np.uint32)
    at = 0
    for i in range(words.size):
        word = words[i]
        while word:
            low = word & (~word + np.uint64(1))
            out[at] = np.uint32(64 * i) + _place(low)
            word ^= low
            at += 1
    return out


@_jit
def _place(low):  # type: ignore[no-untyped-def]
    """The place of a single bit."""
    place = np.uint32(0)
    for step in (32, 16, 8, 4, 2, 1):
        if low >> np.uint64(step):
            low >>= np.uint64(step)
            place += np.uint32(step)
    return place


@_jit
def mix_texts(views, addresses, hashes):  # type: ignore[no-untyped-def]
    """Mixes the texts of a column into the hashes; equal texts mix alike."""
    for i in range(hashes.size):
        a, b = views[2 * i], views[2 * i + 1]
        size = np.int64(a & _LENGTH)
        if size > INLINE:
            at = addresses[np.int64(b & _LENGTH)] + np.int64(b >> np.uint64(32))
            b = np.uint64(0)
            for k in range(4, size):
                b = (b ^ np.uint64(_byte(at + k))) * _MIX
                b ^= b >> np.uint64(29)
        value = (hashes[i] ^ a) * _MIX
        value = (value ^ (value >> np.uint64(29)) ^ b) * _MIX2
        hashes[i] = value ^ (value >> np.uint64(32))


@_jit
def repeated(hashes):  # type: ignore[no-untyped-def]
    """The rows whose hash stands more than once, first ones included; hashes may collide, so they are candidates.

    A small field of bits says of most hashes that they stand once; only the others are looked at again.
    """
    size, bits = hashes.size, 10
    while (1 << bits) < size * 8 and bits < 24:
        bits += 1
    shift = np.uint64(64 - bits)
    seen = np.zeros(1 << (bits - 3), dtype=np.uint8)
    doubted = np.empty(size, dtype=np.uint64)
    many = 0
    for i in range(size):
        at = (hashes[i] * _MIX) >> shift
        bit = np.uint8(1) << np.uint8(at & np.uint64(7))
        doubted[many] = hashes[i]
        many += (seen[at >> np.uint64(3)] & bit) != 0
        seen[at >> np.uint64(3)] |= bit
    seen[:] = 0
    for i in range(many):
        at = (doubted[i] * _MIX) >> shift
        seen[at >> np.uint64(3)] |= np.uint8(1) << np.uint8(at & np.uint64(7))
    rows = np.empty(size, dtype=np.uint32)
    found = 0
    for i in range(size):
        at = (hashes[i] * _MIX) >> shift
        rows[found] = i
        found += (seen[at >> np.uint64(3)] >> np.uint8(at & np.uint64(7))) & 1
    return _again(hashes, rows[:found])


@_jit
def _again(hashes, rows):  # type: ignore[no-untyped-def]
    """Those of some rows whose whole hash another of them has too."""
    bits = 4
    while (1 << bits) < rows.size * 2:
        bits += 1
    mask = np.uint64((1 << bits) - 1)
    table = np.full(1 << bits, -1, dtype=np.int32)
    told = np.zeros(rows.size, dtype=np.bool_)
    for i in range(rows.size):
        at = hashes[rows[i]] & mask
        while table[at] >= 0 and hashes[rows[table[at]]] != hashes[rows[i]]:
            at = (at + np.uint64(1)) & mask
        if table[at] < 0:
            table[at] = i
        else:
            told[table[at]] = True
            told[i] = True
    return rows[told]
