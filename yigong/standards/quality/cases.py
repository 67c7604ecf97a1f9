"""The cases of a rule as its file gives them; what cannot be used is said with the line of the case."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

from yigong.standards.quality.files import RuleFile
from yigong.standards.quality.model import Case, Said
from yigong.standards.quality.subjects import DTYPES, subject
from yigong.standards.quality.values import value_of
from yigong.standards.tables import Misdeclared

KEYS = {"name", "given", "holds", "data_set"}
MOST_TIMES = 100_000


def cases_of(file: RuleFile, data_sets: tuple[str, ...]) -> Iterator[Case]:
    """All cases of a file. Raises Misdeclared."""
    listed = file.must("cases")
    if not isinstance(listed, list):
        file.wrong("cases", "cases 要写成一列，每个例子以 - 开头", "cases wants a list, each case begins with -")
    for case, line in zip(listed, file.case_lines, strict=True):
        yield _Case(file.name, line, case).read(data_sets)


class _Case:
    """One case where it stands."""

    def __init__(self, file: str, line: int, facts: Any) -> None:
        self.file, self.line, self.facts = file, line, facts

    def wrong(self, zh: str, en: str) -> NoReturn:
        raise Misdeclared(self.file, self.line, zh, en)

    def read(self, data_sets: tuple[str, ...]) -> Case:
        facts = self.facts
        if not isinstance(facts, dict) or not {"name", "given", "holds"} <= set(facts):
            self.wrong("例子要写 name、given、holds", "a case wants name, given, holds")
        if odd := sorted(map(str, set(facts) - KEYS)):
            self.wrong(f"例子里不认识的项 {'、'.join(odd)}", f"unknown entries in a case: {', '.join(odd)}")
        own = str(facts.get("data_set") or "")
        if own and own not in data_sets:
            self.wrong(f"data_set {own} 不在规则的 data_sets 里", f"data_set {own} is none of the rule's data_sets")
        rows = facts["given"] if isinstance(facts["given"], list) else [facts["given"]]
        says = facts["holds"] if isinstance(facts["holds"], list) else [facts["holds"]] * len(rows)
        if len(says) != len(rows):
            self.wrong("holds 与 given 的行数不同", "holds and given differ in length")
        if not all(h is None or isinstance(h, bool) for h in says):
            self.wrong("holds 应是 true、false 或 null（不判）", "holds must be true, false or null (not judged)")
        given: list[Mapping[str, Any]] = []
        holds: list[bool | None] = []
        for row, held in zip(rows, says, strict=True):
            plain, times = self.row(row, (own,) if own else data_sets)
            given += [plain] * times
            holds += [held] * times
        return Case(self.name(facts["name"]), tuple(given), tuple(holds), self.line, own)

    def row(self, row: Any, data_sets: tuple[str, ...]) -> tuple[Mapping[str, Any], int]:
        """A row and how often it stands."""
        if not isinstance(row, dict):
            self.wrong(f"given 要写 {{字段: 值}}，写的是“{row}”", f"given wants {{field: value}}, not {row!r}")
        times = row.get("times", 1)
        if not isinstance(times, int) or not 1 <= times <= MOST_TIMES:
            self.wrong(f"times 应是正整数，写的是“{times}”", f"times must be a whole number above zero, not {times!r}")
        plain = {str(k): v for k, v in row.items() if k != "times"}
        for data_set in data_sets:
            for name, value in plain.items():
                self.fits(data_set, name, value)
        return plain, times

    def fits(self, data_set: str, name: str, value: Any) -> None:
        """The field is one of the data set, and the value of its kind."""
        kind = subject(data_set).kind(name)
        if kind is None:
            self.wrong(f"{data_set} 没有字段 {name}", f"{data_set} has no field {name}")
        try:
            value_of(value, kind)
        except (TypeError, ValueError, AttributeError):
            self.wrong(
                f"字段 {name} 的值“{value}”不对，应是 {_KINDS[kind][0]}",
                f"field {name} cannot be {value!r}: {_KINDS[kind][1]} is wanted",
            )

    def name(self, given: Any) -> Said:
        """The name in both languages; a county that writes one only, is shown that one to everybody."""
        if isinstance(given, dict):
            if set(given) != {"zh", "en"} or not all(given.values()):
                self.wrong("例子的 name 要写 {zh: …, en: …}", "the name of a case wants {zh: …, en: …}")
            return Said(str(given["zh"]), str(given["en"]))
        return Said(str(given), str(given))


_KINDS: Mapping[str, tuple[str, str]] = {
    "text": ("文字", "a text"), "number": ("数字", "a number"), "date": ("日期，如 2026-03-01", "a day as 2026-03-01"),
    "instant": ("时间，如 2026-03-01T08:00", "a time as 2026-03-01T08:00"), "time": ("时刻，如 08:00", "a time of day as 08:00"),
    "flag": ("true 或 false", "true or false"),
}  # fmt: skip
assert set(_KINDS) == set(DTYPES)
