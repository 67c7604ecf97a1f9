"""Reads the files of rules; what is wrong is said with file and line."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any

from yigong.standards.loader import load
from yigong.standards.quality.cases import cases_of
from yigong.standards.quality.engine import plan
from yigong.standards.quality.files import RuleFile, opened
from yigong.standards.quality.model import Dimension, Limit, Rule, Said, Severity
from yigong.standards.quality.subjects import OTHERS, subject
from yigong.standards.quality.terms import Wrong
from yigong.standards.tables import Misdeclared

RULES = Path(__file__).parent / "rules"
REFERENCES = Path(__file__).parent / "references"
KEYS = {
    "code", "name", "dimension", "severity", "weight", "data_sets", "fields", "per", "needs", "when", "holds",
    "measure", "unit", "least", "most", "step", "effective", "version", "sentence", "source", "cases",
}  # fmt: skip
CODE = re.compile(r"[A-Za-z0-9-]{1,20}")
PLACES = re.compile(r"\{(\w+)\}")


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
    data = path.read_bytes()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise Misdeclared(path.name, line, "文件要存为 UTF-8 编码", "save the file as UTF-8") from None
    return read_text(path.name, text)


def read_text(name: str, text: str) -> Rule:
    """The rule in the text of a file of that name, such as a centre sends it. Raises Misdeclared naming file and line."""
    file = opened(name, text)
    for key in file.facts:
        if key not in KEYS:
            file.wrong(key, f"不认识的项 {key}", f"unknown entry {key}")
    if file.must("code") != name.removesuffix(".yaml"):
        file.wrong("code", "编号须与文件名相同", "the code must be the name of the file")
    rule = _rule(file)
    _sound(file, rule)
    return rule


def _rule(file: RuleFile) -> Rule:
    first, last = _effective(file)
    data_sets = _known_sets(file)
    return Rule(
        code=_code(file),
        name=file.said("name"),
        dimension=file.one_of("dimension", Dimension),
        severity=file.one_of("severity", Severity),
        weight=file.number("weight", 1),
        data_sets=data_sets,
        fields=_listed(file, "fields"),
        sentence=_sentence(file),
        source=file.said("source", one=True),
        when=file.text("when"),
        holds=file.text("holds"),
        measure=file.text("measure"),
        unit=file.said("unit") if file.facts.get("unit") else Said("", ""),
        least=_limit(file, "least"),
        most=_limit(file, "most"),
        step=file.number("step", 1),
        per=file.texts("per"),
        needs=file.whole("needs", 0),
        effective_from=first,
        effective_to=last,
        version=file.whole("version", 1),
        cases=tuple(cases_of(file, data_sets)),
        file=file.name,
    )


def _code(file: RuleFile) -> str:
    code = str(file.must("code"))
    if not CODE.fullmatch(code):
        file.wrong("code", "编号只用字母、数字和 -，最多 20 个", "a code has letters, digits and -, at most 20")
    return code


def _listed(file: RuleFile, key: str) -> tuple[str, ...]:
    file.must(key)
    return file.texts(key)


def _known_sets(file: RuleFile) -> tuple[str, ...]:
    names = _listed(file, "data_sets")
    for name in names:
        if name not in OTHERS and name not in load().data_sets:
            file.wrong("data_sets", f"没有数据集 {name}", f"there is no data set {name}")
    return names


def _sentence(file: RuleFile) -> Said:
    """What the rule says of a failing row; the places in it are those that can be filled."""
    said = file.said("sentence")
    known = {"value"} | (
        {"score", *(k for k in ("least", "most") if k in file.facts)} if "measure" in file.facts else set()
    )
    for odd in sorted({*PLACES.findall(said.zh), *PLACES.findall(said.en)} - known):
        may = "、".join(f"{{{k}}}" for k in sorted(known))
        file.wrong("sentence", f"句中的 {{{odd}}} 填不了，可用 {may}", f"{{{odd}}} cannot be filled; there is {may}")
    return said


def _effective(file: RuleFile) -> tuple[date | None, date | None]:
    """From when to when the rule holds: of rows by the time of their event, both days included."""
    found = file.facts.get("effective") or {}
    if not isinstance(found, dict) or set(found) - {"from", "to"}:
        file.wrong("effective", "effective 要写 {from: 日期, to: 日期}", "write effective: {from: day, to: day}")
    for day in found.values():
        if day is not None and (not isinstance(day, date) or isinstance(day, datetime)):
            file.wrong("effective", f"“{day}”不是日期", f"{day!r} is no date")
    first, last = found.get("from"), found.get("to")
    if first and last and first > last:
        file.wrong("effective", f"from {first} 晚于 to {last}", f"from {first} is after to {last}")
    return first, last


def _limit(file: RuleFile, key: str) -> Limit | None:
    found = file.facts.get(key)
    if found is None:
        return None
    try:
        limit = Limit(float(found["is"]), float(found["from"]), float(found["to"]))
    except (KeyError, TypeError, ValueError):
        file.wrong(
            key, f"{key} 要写 {{is: 值, from: 最低, to: 最高}}", f"write {key}: {{is: value, from: low, to: high}}"
        )
    step = file.number("step", 1)
    if not limit.lowest <= limit.at <= limit.highest:
        file.wrong(key, f"{key} 的 is 应在 from 与 to 之间", f"{key}: `is` must lie between `from` and `to`")
    if any(abs(v / step - round(v / step)) > 1e-6 for v in (limit.at, limit.lowest, limit.highest)):
        file.wrong(key, f"{key} 应是步长 {step:g} 的整数倍", f"{key} must be whole steps of {step:g}")
    return limit


def _sound(file: RuleFile, rule: Rule) -> None:
    """Whether the rule can be made ready for each of its data sets."""
    if bool(rule.holds) == bool(rule.measure):
        file.wrong("holds", "holds 与 measure 写且只写一个", "write either holds or measure")
    if rule.measure and rule.least is None and rule.most is None:
        file.wrong("measure", "measure 要有 least 或 most", "a measure wants least or most")
    if not {True, False} <= {h for case in rule.cases for h in case.holds}:
        file.wrong("cases", "例子里要有合规的，也要有不合规的", "there must be a case that holds and one that fails")
    for name in rule.data_sets:
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


def _compiles(file: RuleFile, key: str, data_set: str, parts: list[str], rule: Rule) -> None:
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
