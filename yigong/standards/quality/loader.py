"""Reads the files of rules; what is wrong is said with file and line."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import yaml

from yigong.standards.loader import load
from yigong.standards.quality.engine import plan
from yigong.standards.quality.model import Case, Dimension, Limit, Rule, Said, Severity
from yigong.standards.quality.subjects import OTHERS, subject
from yigong.standards.quality.terms import Wrong
from yigong.standards.tables import Misdeclared

RULES = Path(__file__).parent / "rules"
REFERENCES = Path(__file__).parent / "references"
KEYS = {
    "code", "name", "dimension", "severity", "weight", "data_sets", "fields", "per", "needs", "when", "holds",
    "measure", "unit", "least", "most", "step", "effective", "version", "sentence", "source", "cases",
}  # fmt: skip
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
E = TypeVar("E", bound=StrEnum)


@dataclass(frozen=True)
class _File:
    """One file with the line of each of its keys."""

    name: str
    facts: Mapping[str, Any]
    lines: Mapping[str, int]
    case_lines: tuple[int, ...]

    def wrong(self, key: str, zh: str, en: str) -> NoReturn:
        raise Misdeclared(self.name, self.lines.get(key, 1), zh, en)

    def must(self, key: str) -> Any:
        if self.facts.get(key) in (None, "", []):
            self.wrong(key, f"缺 {key}", f"{key} is missing")
        return self.facts[key]

    def said(self, key: str) -> Said:
        found = self.must(key)
        if not isinstance(found, dict) or set(found) != {"zh", "en"} or not all(found.values()):
            self.wrong(key, f"{key} 要写 zh 和 en", f"{key} wants zh and en")
        return Said(str(found["zh"]), str(found["en"]))

    def one_of(self, key: str, kind: type[E]) -> E:
        try:
            return kind(self.must(key))
        except ValueError:
            known = "、".join(kind)
            self.wrong(key, f"{key} 应是 {known} 之一", f"{key} must be one of {', '.join(kind)}")


@cache
def declared(folder: Path = RULES) -> Mapping[str, Rule]:
    """All rules of a folder by code. Raises Misdeclared naming file and line."""
    found: dict[str, Rule] = {}
    for path in sorted(folder.glob("*.yaml")):
        rule = read(path)
        if rule.code in found:
            raise Misdeclared(path.name, 1, f"编号 {rule.code} 已在 {found[rule.code].file}", f"{rule.code} is taken")
        found[rule.code] = rule
    return found


def read(path: Path) -> Rule:
    """One rule. Raises Misdeclared naming file and line."""
    return read_text(path.name, path.read_text("utf-8"))


def read_text(name: str, text: str) -> Rule:
    """The rule in the text of a file of that name, such as a centre sends it. Raises Misdeclared naming file and line."""
    file = _opened(name, text)
    for key in file.facts:
        if key not in KEYS:
            file.wrong(key, f"不认识的项 {key}", f"unknown entry {key}")
    if file.must("code") != name.removesuffix(".yaml"):
        file.wrong("code", "编号须与文件名相同", "the code must be the name of the file")
    rule = _rule(file)
    _sound(file, rule)
    return rule


def _opened(name: str, text: str) -> _File:
    try:
        node: Any = yaml.compose(text, Loader=_Loader)
        facts = yaml.load(text, Loader=_Loader)  # noqa: S506  - a safe loader
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise Misdeclared(name, line, f"YAML 写法有误（{error.problem}）", f"broken YAML ({error.problem})") from None
    if not isinstance(facts, dict):
        raise Misdeclared(name, 1, "应是“项: 值”的列表", "a list of `entry: value` is wanted")
    lines = {k.value: k.start_mark.line + 1 for k, _ in node.value}
    cases = next((v for k, v in node.value if k.value == "cases"), None)
    listed = cases.value if isinstance(cases, yaml.SequenceNode) else ()
    return _File(name, facts, lines, tuple(c.start_mark.line + 1 for c in listed))


def _rule(file: _File) -> Rule:
    facts = file.facts
    effective = facts.get("effective") or {}
    return Rule(
        code=file.must("code"),
        name=file.said("name"),
        dimension=file.one_of("dimension", Dimension),
        severity=file.one_of("severity", Severity),
        weight=float(facts.get("weight", 1)),
        data_sets=tuple(file.must("data_sets")),
        fields=tuple(file.must("fields")),
        sentence=file.said("sentence"),
        source=str(file.must("source")),
        when=str(facts.get("when", "")),
        holds=str(facts.get("holds", "")),
        measure=str(facts.get("measure", "")),
        unit=file.said("unit") if facts.get("unit") else Said("", ""),
        least=_limit(file, "least"),
        most=_limit(file, "most"),
        step=float(facts.get("step", 1)),
        per=tuple(facts.get("per", ())),
        needs=int(facts.get("needs", 0)),
        effective_from=_day(file, effective.get("from")),
        effective_to=_day(file, effective.get("to")),
        version=int(facts.get("version", 1)),
        cases=tuple(_cases(file)),
        file=file.name,
    )


def _day(file: _File, value: Any) -> date | None:
    if value is not None and not isinstance(value, date):
        file.wrong("effective", f"“{value}”不是日期", f"{value!r} is no date")
    return value


def _limit(file: _File, key: str) -> Limit | None:
    found = file.facts.get(key)
    if found is None:
        return None
    try:
        limit = Limit(float(found["is"]), float(found["from"]), float(found["to"]))
    except (KeyError, TypeError, ValueError):
        file.wrong(
            key, f"{key} 要写 {{is: 值, from: 最低, to: 最高}}", f"write {key}: {{is: value, from: low, to: high}}"
        )
    step = float(file.facts.get("step", 1))
    if not limit.lowest <= limit.at <= limit.highest:
        file.wrong(key, f"{key} 的 is 应在 from 与 to 之间", f"{key}: `is` must lie between `from` and `to`")
    if any(abs(v / step - round(v / step)) > 1e-6 for v in (limit.at, limit.lowest, limit.highest)):
        file.wrong(key, f"{key} 应是步长 {step:g} 的整数倍", f"{key} must be whole steps of {step:g}")
    return limit


def _cases(file: _File) -> Iterator[Case]:
    for case, line in zip(file.must("cases"), file.case_lines, strict=True):
        if not isinstance(case, dict) or not {"name", "given", "holds"} <= set(case):
            raise Misdeclared(file.name, line, "例子要写 name、given、holds", "a case wants name, given, holds")
        rows = case["given"] if isinstance(case["given"], list) else [case["given"]]
        says = case["holds"] if isinstance(case["holds"], list) else [case["holds"]] * len(rows)
        if len(says) != len(rows):
            raise Misdeclared(file.name, line, "holds 与 given 的行数不同", "holds and given differ in length")
        given, holds = [], []
        for row, held in zip(rows, says, strict=True):
            times = int(row.get("times", 1))
            given += [{k: v for k, v in row.items() if k != "times"}] * times
            holds += [held] * times
        yield Case(
            _case_name(file, case["name"], line), tuple(given), tuple(holds), line, str(case.get("data_set", ""))
        )


def _case_name(file: _File, given: Any, line: int) -> Said:
    """The name in both languages; a county that writes one only, is shown that one to everybody."""
    if isinstance(given, dict):
        if set(given) != {"zh", "en"} or not all(given.values()):
            wanted = "the name of a case wants {zh: …, en: …}"
            raise Misdeclared(file.name, line, "例子的 name 要写 {zh: …, en: …}", wanted)
        return Said(str(given["zh"]), str(given["en"]))
    return Said(str(given), str(given))


def _sound(file: _File, rule: Rule) -> None:
    """Whether the rule can be made ready for each of its data sets."""
    if bool(rule.holds) == bool(rule.measure):
        file.wrong("holds", "holds 与 measure 写且只写一个", "write either holds or measure")
    if rule.measure and rule.least is None and rule.most is None:
        file.wrong("measure", "measure 要有 least 或 most", "a measure wants least or most")
    for name in rule.data_sets:
        if name not in OTHERS and name not in load().data_sets:
            file.wrong("data_sets", f"没有数据集 {name}", f"there is no data set {name}")
        for field in rule.fields:
            if subject(name).kind(field) is None:
                file.wrong("fields", f"{name} 没有字段 {field}", f"{name} has no field {field}")
        for key, parts in (
            ("per", rule.per),
            ("when", (rule.when,)),
            ("holds", (rule.holds,)),
            ("measure", (rule.measure,)),
        ):
            _compiles(file, key, name, [p for p in parts if p], rule)


def _compiles(file: _File, key: str, data_set: str, parts: list[str], rule: Rule) -> None:
    if not parts:
        return
    try:
        plan(rule, data_set, references())
    except Wrong as wrong:
        key = next((k for k in ("when", "holds", "measure", "per") if _blames(rule, k, wrong)), key)
        file.wrong(key, wrong.zh, wrong.en)


def _blames(rule: Rule, key: str, wrong: Wrong) -> bool:
    """Whether what the complaint quotes stands in that entry."""
    said = getattr(rule, key)
    quoted = wrong.zh.partition("“")[2].partition("”")[0]
    return bool(quoted) and quoted in (" ".join(said) if isinstance(said, tuple) else said)


@cache
def references() -> Mapping[str, Any]:
    """The tables of reference that stand beside the rules: name -> key -> column -> value."""
    return {path.stem: _table(path) for path in sorted(REFERENCES.glob("*.csv"))}


def _table(path: Path) -> dict[str, dict[str, Any]]:
    with path.open(encoding="utf-8", newline="") as source:
        reader = csv.DictReader(source)
        key = (reader.fieldnames or [""])[0]
        return {row[key]: {c: _value(v) for c, v in row.items() if c != key} for row in reader}


def _value(text: str) -> Any:
    try:
        return float(text)
    except ValueError:
        return text or None


Compile = Callable[[Rule, str], None]
