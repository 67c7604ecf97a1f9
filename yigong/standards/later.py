"""Containers that are filled when somebody looks into them: the large parts of the standards are rarely all wanted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeVar, overload

K = TypeVar("K")
V = TypeVar("V")


class LaterMap(Mapping[K, V]):
    """A mapping made on first use."""

    __slots__ = ("_made", "_make")

    def __init__(self, make: Callable[[], Mapping[K, V]]) -> None:
        self._make = make
        self._made: Mapping[K, V] | None = None

    def _here(self) -> Mapping[K, V]:
        if self._made is None:
            self._made = self._make()
        return self._made

    def __getitem__(self, key: K) -> V:
        return self._here()[key]

    def __iter__(self) -> Iterator[K]:
        return iter(self._here())

    def __len__(self) -> int:
        return len(self._here())


class LaterRow(Sequence[V]):
    """A sequence made on first use."""

    __slots__ = ("_made", "_make")

    def __init__(self, make: Callable[[], Sequence[V]]) -> None:
        self._make = make
        self._made: Sequence[V] | None = None

    def _here(self) -> Sequence[V]:
        if self._made is None:
            self._made = self._make()
        return self._made

    @overload
    def __getitem__(self, at: int) -> V: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[V]: ...
    def __getitem__(self, at: int | slice) -> V | Sequence[V]:
        return self._here()[at]

    def __len__(self) -> int:
        return len(self._here())
