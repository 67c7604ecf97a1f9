"""Reads the declaration's tables; a bad row is an error that names file, line and what is wrong."""

from __future__ import annotations

import csv
from collections.abc import Callable, Collection, Iterator
from datetime import date
from pathlib import Path
from typing import TypeVar

from yigong.standards.formats import read as read_format

DATA = Path(__file__).parent / "data"
T = TypeVar("T")


class Misdeclared(Exception):  # noqa: N818
    """A row of the declaration cannot be used."""

    def __init__(self, file: str, line: int, zh: str, en: str) -> None:
        super().__init__(f"{file} 第 {line} 行：{zh} / {file} line {line}: {en}")
        self.file, self.line, self.zh, self.en = file, line, zh, en


class Row:
    """One row of a table that knows where it stands."""

    __slots__ = ("cells", "file", "line")

    def __init__(self, file: str, line: int, cells: dict[str, str]) -> None:
        self.file, self.line, self.cells = file, line, cells

    def __getitem__(self, column: str) -> str:
        return self.cells[column]

    def wrong(self, zh: str, en: str) -> Misdeclared:
        """The error that this row is."""
        return Misdeclared(self.file, self.line, zh, en)

    def must(self, column: str) -> str:
        """The cell, which may not be empty."""
        return self.cells[column] or self._refuse(column, "不能为空", "must not be empty")

    def one_of(self, column: str, known: Collection[str], *, empty: bool = False) -> str:
        """The cell, which must be one of the known values."""
        value = self.cells[column]
        if value in known or (empty and not value):
            return value
        return self._refuse(column, f"“{value}”没有登记", f"{value!r} is not registered")

    def whole(self, column: str) -> int:
        """The cell as a whole number."""
        value = self.cells[column]
        return (
            int(value)
            if value.isdigit()
            else int(self._refuse(column, f"“{value}”不是整数", f"{value!r} is no whole number"))
        )

    def day(self, column: str) -> date | None:
        """The cell as a day; None when empty."""
        value = self.cells[column]
        if not value:
            return None
        try:
            return date.fromisoformat(value)
        except ValueError:
            raise self.wrong(f"{column} “{value}”不是日期", f"{column} {value!r} is no date") from None

    def format(self, column: str = "format") -> str:
        """The cell, which must be a readable format."""
        try:
            read_format(self.cells[column])
        except ValueError:
            self._refuse(column, f"格式“{self.cells[column]}”无法识别", f"format {self.cells[column]!r} cannot be read")
        return self.cells[column]

    def once(self, seen: dict[str, int], key: str) -> str:
        """The key, which must not have come before in this table."""
        if key in seen:
            raise self.wrong(f"“{key}”与第 {seen[key]} 行重复", f"{key!r} repeats line {seen[key]}")
        seen[key] = self.line
        return key

    def _refuse(self, column: str, zh: str, en: str) -> str:
        raise self.wrong(f"{column} {zh}", f"{column} {en}")


def rows(name: str, folder: Path = DATA) -> Iterator[Row]:
    """The rows of one table, each of the width of its head."""
    file = f"{name}.csv"
    with (folder / file).open(encoding="utf-8", newline="") as source:
        reader = csv.reader(source, strict=True)
        try:
            head = next(reader, [])
            for cells in reader:
                if len(cells) != len(head):
                    raise Misdeclared(
                        file, reader.line_num, f"应有 {len(head)} 列，实有 {len(cells)} 列",
                        f"{len(head)} cells wanted, {len(cells)} found",
                    )  # fmt: skip
                yield Row(file, reader.line_num, dict(zip(head, cells, strict=True)))
        except csv.Error as error:
            raise Misdeclared(
                file, reader.line_num, f"引号或分隔符有误（{error}）", f"quoting is broken ({error})"
            ) from None


def grouped(name: str, by: str, make: Callable[[Row], T], folder: Path = DATA) -> dict[str, tuple[T, ...]]:
    """The rows of one table made into objects and grouped by one column."""
    groups: dict[str, list[T]] = {}
    for row in rows(name, folder):
        groups.setdefault(row[by], []).append(make(row))
    return {key: tuple(listed) for key, listed in groups.items()}
