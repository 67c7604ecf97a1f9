"""The loops over rows that hash and COPY need, compiled once per installation. Imported when first used: numba is slow to load."""

from __future__ import annotations

import numpy as np
from numba import njit

from yigong.platform.records.memory import copied, put_big, put_big_half, word


@njit(cache=True, nogil=True)
def _mixed(value: np.uint64) -> np.uint64:
    """The finishing steps of splitmix64: near values lie far apart."""
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))


@njit(cache=True, nogil=True)
def _text(data: np.ndarray, memory: int, first: int, last: int, seed: np.uint64) -> np.uint64:
    """Eight bytes at a time; the length is part of it."""
    value = seed ^ np.uint64(last - first)
    place = first
    while place < last:
        eight = np.uint64(0)
        if last - place >= 8:
            eight = word(memory + place)
        else:
            for step in range(last - place):
                eight |= np.uint64(data[place + step]) << np.uint64(8 * step)
        value = (value ^ eight) * np.uint64(0x9E3779B97F4A7C15)
        value ^= value >> np.uint64(29)
        place += 8
    return _mixed(value)


@njit(cache=True, nogil=True)
def add_texts(total: np.ndarray, offsets: np.ndarray, data: np.ndarray, given: np.ndarray, seed: np.uint64) -> None:
    memory = data.ctypes.data
    for row in range(len(total)):
        if given[row]:
            total[row] += _text(data, memory, offsets[row], offsets[row + 1], seed)


@njit(cache=True, nogil=True)
def add_numbers(total: np.ndarray, values: np.ndarray, given: np.ndarray, seed: np.uint64) -> None:
    for row in range(len(total)):
        if given[row]:
            total[row] += _mixed(_mixed(values[row]) ^ seed)


@njit(cache=True, nogil=True)
def _put_short(data: np.ndarray, at: int, value: int) -> int:  # pragma: no cover - compiled
    data[at], data[at + 1] = (value >> 8) & 0xFF, value & 0xFF
    return at + 2


@njit(cache=True, nogil=True)
def pack_numerics(values: np.ndarray, offsets: np.ndarray, data: np.ndarray) -> int:  # pragma: no cover - compiled
    """Fill *offsets* and *data*; the first row that is out of the range of exact whole numbers, or their number."""
    groups = np.zeros(8, dtype=np.int64)
    at = 0
    for row in range(len(values)):
        value = abs(values[row])
        scale, power, whole = -1, 1.0, 0.0
        for tried in range(16):
            whole = np.rint(value * power)
            if not whole < 9007199254740992.0:
                break
            if whole / power == value:
                scale = tried
                break
            power *= 10.0
        if scale < 0:
            return row
        left = np.int64(whole)
        for _ in range((4 - scale % 4) % 4):
            left *= 10
        behind = (scale + 3) // 4
        count = 0
        while left > 0:
            groups[count] = left % 10000
            left //= 10000
            count += 1
        low = 0
        while low < count and groups[low] == 0:
            low += 1
        weight = count - behind - 1 if count else 0
        negative = 0x40 if values[row] < 0 and count else 0
        at = _put_short(data, at, count - low)
        at = _put_short(data, at, weight)
        data[at], data[at + 1] = negative, 0
        at = _put_short(data, at + 2, scale if count else 0)
        for place in range(count - 1, low - 1, -1):
            at = _put_short(data, at, groups[place])
        offsets[row + 1] = at
    return len(values)


@njit(cache=True, nogil=True)
def put_same(out: np.ndarray, at: np.ndarray, head: np.ndarray) -> None:  # pragma: no cover - compiled
    memory, source = out.ctypes.data, head.ctypes.data
    for row in range(len(at)):
        copied(memory + at[row], source, len(head))
        at[row] += len(head)


@njit(cache=True, nogil=True)
def measure_long(
    sizes: np.ndarray, offsets: np.ndarray, given: np.ndarray, first: int, more: int
) -> None:  # pragma: no cover - compiled
    for row in range(len(sizes)):
        here = first + row
        sizes[row] += offsets[here + 1] - offsets[here] + more if given[here] else 4


@njit(cache=True, nogil=True)
def put_long(
    out: np.ndarray, at: np.ndarray, offsets: np.ndarray, data: np.ndarray, given: np.ndarray, first: int, before: int
) -> None:  # pragma: no cover - compiled
    memory, source = out.ctypes.data, data.ctypes.data
    for row in range(len(at)):
        here, place = first + row, at[row]
        if not given[here]:
            put_big_half(memory + place, -1)
            at[row] = place + 4
            continue
        start, length = offsets[here], offsets[here + 1] - offsets[here]
        put_big_half(memory + place, length + before)
        place += 4
        if before:
            out[place] = 1
            place += 1
        copied(memory + place, source + start, length)
        at[row] = place + length


@njit(cache=True, nogil=True)
def measure_fixed(sizes: np.ndarray, given: np.ndarray, first: int, width: int) -> None:  # pragma: no cover - compiled
    for row in range(len(sizes)):
        sizes[row] += 4 + width if given[first + row] else 4


@njit(cache=True, nogil=True)
def put_fixed(
    out: np.ndarray, at: np.ndarray, values: np.ndarray, given: np.ndarray, first: int, width: int
) -> None:  # pragma: no cover - compiled
    memory = out.ctypes.data
    for row in range(len(at)):
        here, place = first + row, at[row]
        if not given[here]:
            put_big_half(memory + place, -1)
            at[row] = place + 4
            continue
        put_big_half(memory + place, width)
        place += 4
        value = values[here]
        if width == 8:
            put_big(memory + place, value)
        else:
            for step in range(width):
                out[place + step] = (value >> (8 * (width - 1 - step))) & 0xFF
        at[row] = place + width
