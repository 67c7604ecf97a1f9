"""Words read from and written to any address, as the compiled loops need them: eight bytes at a time instead of one."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

_WIDE, _HALF = ir.IntType(64), ir.IntType(32)


@intrinsic  # type: ignore[misc, call-arg]
def _word(_context, _address):  # type: ignore[no-untyped-def]
    """The eight bytes from an address on, the first one lowest."""

    def made(_context, builder, _signature, arguments):  # type: ignore[no-untyped-def]
        return builder.load(builder.inttoptr(arguments[0], _WIDE.as_pointer()), align=1)

    return types.uint64(types.int64), made


@intrinsic  # type: ignore[misc, call-arg]
def _put(_context, _address, _word):  # type: ignore[no-untyped-def]
    """Eight bytes to an address, the lowest first."""

    def made(_context, builder, _signature, arguments):  # type: ignore[no-untyped-def]
        builder.store(arguments[1], builder.inttoptr(arguments[0], _WIDE.as_pointer()), align=1)

    return types.void(types.int64, types.uint64), made


@intrinsic  # type: ignore[misc, call-arg]
def _put_big(_context, _address, _word):  # type: ignore[no-untyped-def]
    """Eight bytes to an address, the highest first."""

    def made(_context, builder, _signature, arguments):  # type: ignore[no-untyped-def]
        builder.store(builder.bswap(arguments[1]), builder.inttoptr(arguments[0], _WIDE.as_pointer()), align=1)

    return types.void(types.int64, types.int64), made


@intrinsic  # type: ignore[misc, call-arg]
def _put_big_half(_context, _address, _word):  # type: ignore[no-untyped-def]
    """Four bytes to an address, the highest first."""

    def made(_context, builder, _signature, arguments):  # type: ignore[no-untyped-def]
        half = builder.bswap(builder.trunc(arguments[1], _HALF))
        builder.store(half, builder.inttoptr(arguments[0], _HALF.as_pointer()), align=1)

    return types.void(types.int64, types.int64), made


@intrinsic  # type: ignore[misc, call-arg]
def _move(_context, _address, _from):  # type: ignore[no-untyped-def]
    """One byte from an address to another."""

    def made(_context, builder, _signature, arguments):  # type: ignore[no-untyped-def]
        to, start = (builder.inttoptr(a, ir.IntType(8).as_pointer()) for a in arguments)
        builder.store(builder.load(start), to)

    return types.void(types.int64, types.int64), made


word: Any = _word
put: Any = _put
put_big: Any = _put_big
put_big_half: Any = _put_big_half
move: Any = _move


@njit(cache=True, nogil=True)
def copied(to: int, start: int, length: int) -> None:  # pragma: no cover - compiled
    """So many bytes from one address to another; the last eight are written together with some before them."""
    if length < 8:
        for step in range(length):
            move(to + step, start + step)
        return
    place = 0
    while place < length - 8:
        put(to + place, word(start + place))
        place += 8
    put(to + length - 8, word(start + length - 8))
