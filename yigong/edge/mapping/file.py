"""Reads a mapping file: YAML whose every mistake is reported with file, line, and the nearest right name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from yigong.edge.mapping.mistakes import Mistakes
from yigong.kit.said import Said

SECTIONS = {
    "data_set", "source_system", "person_system", "org_code", "key", "group", "encounter", "event_at", "local_id",
    "person", "person_leads", "filter", "fields", "extra", "codes", "unmapped",
}  # fmt: skip
KINDS = ("text", "number", "date", "datetime", "time", "boolean")
PARTS = {"from", "value", "codes", "parse", "kind", "expr", "default", "strict"}
FILTERS = {"drop_when", "keep_when", "rules", "otherwise"}
FATES = ("pass", "block")
#: sections that no mapping is without: what each is, and how it is written
NEEDED = {
    "data_set": (Said("数据集", "data set"), "data_set: laboratory_test_record"),
    "source_system": (Said("来源系统", "source system"), "source_system: LIS"),
    "key": (Said("主键列", "columns of the key"), "key: [BGDH, XMBH]"),
    "event_at": (Said("发生时间", "time of the event"), "event_at: BGSJ"),
    "local_id": (Said("患者号", "patient number"), "local_id: BRID"),
}


@dataclass(frozen=True, slots=True)
class Spec:
    """Where one value comes from: source columns, a constant or an expression, then a lookup, a format, a default."""

    name: str
    line: int
    columns: tuple[str, ...] = ()
    value: str | None = None
    expr: str = ""
    codes: Mapping[str, str] | None = None
    by_name: bool = False  # codes are looked up by the names of the field's value set
    parse: tuple[str, ...] = ()
    kind: str = ""
    default: str | None = None
    strict: bool = True  # what cannot be converted rejects the row; otherwise the value is left out with a warning


@dataclass(frozen=True, slots=True)
class FilterRule:
    """A named condition of a filter, and what becomes of the rows that meet it: pass or block."""

    name: str
    when: str
    then: str
    line: int = field(default=1, compare=False)


@dataclass(frozen=True, slots=True)
class MappingFile:
    """A mapping as written, its parts named and its lines known."""

    file: str
    data_set: str
    source_system: Spec
    person_system: Spec
    org_code: Spec | None
    key: tuple[str, ...]
    group: tuple[str, ...]
    encounter: tuple[str, ...]
    event_at: Spec
    local_id: Spec
    person: tuple[Spec, ...]
    fields: tuple[Spec, ...]
    extra: tuple[Spec, ...]
    drop_when: tuple[tuple[str, tuple[str, ...]], ...] = ()
    keep_when: tuple[tuple[str, tuple[str, ...]], ...] = ()
    drop_expr: str = ""
    filter_rules: tuple[FilterRule, ...] = ()
    filter_otherwise: str = "pass"
    keep_unmapped: bool = True
    person_leads: bool | None = None  # whether known registrations are brought up to date from these rows
    lines: Mapping[str, int] = field(default_factory=dict)


class _Lined(dict[str, Any]):
    """A mapping of the file that knows the line of each key."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: dict[str, int] = {}


def parse(text: str, file: str = "mapping.yaml") -> MappingFile:
    """The mapping in *text*. Raises Refused exchange.mapping_wrong with every mistake, its file and line."""
    mistakes = Mistakes(file)
    top = _document(text, mistakes)
    for name in top:
        if name not in SECTIONS:
            mistakes.unknown(top.lines[name], "section", name, SECTIONS)
    for name, (words, example) in NEEDED.items():
        if not top.get(name):
            mistakes.add(
                1,
                f"缺少“{words.zh}”（段落 {name}），请加上，如 {example}",
                f"the {words.en} (section {name}) is missing; add it, like {example}",
            )
    mistakes.stop()
    found = _read(top, file, mistakes)
    mistakes.stop()
    return found


def _document(text: str, mistakes: Mistakes) -> _Lined:
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        mistakes.add(
            line,
            f"不是有效的 YAML：{_problem(error).zh}",
            f"this is not YAML: {_problem(error).en}",
        )
        mistakes.stop()
        raise
    if not isinstance(node, yaml.MappingNode):
        mistakes.add(
            1,
            f"映射由段落组成，每段写作“名称: 内容”，如 {NEEDED['data_set'][1]}",
            f"a mapping has sections, each written `name: content`, like {NEEDED['data_set'][1]}",
        )
        mistakes.stop()
    return _plain(node, mistakes)  # type: ignore[no-any-return]


#: what the parser of YAML says (the beginning of it) -> what is to be done
PROBLEMS = {
    "mapping values are not allowed": Said(
        "这里不能再写冒号；含冒号的内容请加引号，或检查缩进",
        "no second colon can stand here; quote a text with a colon, or check the indentation",
    ),
    "could not find expected ':'": Said("名称后面缺少冒号，请补上", "a colon is missing after a name; add it"),
    "found character '\\t'": Said("用了制表符，请改为空格", "there is a tab; write blanks instead"),
    "expected <block end>": Said(
        "缩进与上面几行不一致，请对齐", "the indentation differs from the lines above; align it"
    ),
    "found unexpected end of stream": Said("引号或括号没有结束，请补上", "a quote or bracket is not closed; close it"),
}
PROBLEM = Said(
    "请检查这一行和上一行的缩进、冒号、引号和括号", "check indentation, colons, quotes and brackets here and above"
)


def _problem(error: yaml.MarkedYAMLError) -> Said:
    return next((said for begin, said in PROBLEMS.items() if (error.problem or "").startswith(begin)), PROBLEM)


def _plain(node: Any, mistakes: Mistakes) -> Any:
    if isinstance(node, yaml.MappingNode):
        found = _Lined()
        for key, value in node.value:
            name, line = str(key.value), key.start_mark.line + 1
            if name in found:
                mistakes.add(line, f"“{name}”写了两次，请删去一处", f"{name} stands twice; take one away")
            found[name], found.lines[name] = _plain(value, mistakes), line
        return found
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item, mistakes) for item in node.value]
    return None if node.tag.endswith(":null") else str(node.value)  # values stay as written: "01" is not 1


def _read(top: _Lined, file: str, mistakes: Mistakes) -> MappingFile:
    codes = top.get("codes") or _Lined()
    drop, keep, drop_expr = _filter(top, mistakes)

    def one(section: str, name: str | None = None) -> Spec:
        return _spec(name or section, top.get(section), top.lines.get(section, 1), codes, mistakes)

    source_system = _constant("source_system", top, mistakes)
    return MappingFile(
        file=file,
        data_set=str(top["data_set"]),
        source_system=source_system,
        person_system=_constant("person_system", top, mistakes) if top.get("person_system") else source_system,
        org_code=_constant("org_code", top, mistakes) if top.get("org_code") else None,
        key=_names(top.get("key")),
        group=_names(top.get("group")),
        encounter=_names(top.get("encounter")),
        event_at=one("event_at"),
        local_id=one("local_id"),
        person=_specs(top, "person", codes, mistakes),
        fields=_specs(top, "fields", codes, mistakes),
        extra=_specs(top, "extra", codes, mistakes),
        drop_when=drop,
        keep_when=keep,
        drop_expr=drop_expr,
        filter_rules=_rules(top, mistakes),
        filter_otherwise=_fate(
            (top.get("filter") or {}).get("otherwise") or "pass", top.lines.get("filter", 1), mistakes
        ),
        keep_unmapped=_unmapped(top, mistakes),
        person_leads=None if top.get("person_leads") is None else top["person_leads"] in ("yes", "true", "1"),
        lines=dict(top.lines),
    )


def _constant(section: str, top: _Lined, mistakes: Mistakes) -> Spec:
    """A section that is a constant when plain text, and otherwise a spec."""
    given, line = top[section], top.lines[section]
    return Spec(section, line, value=given) if isinstance(given, str) else _spec(section, given, line, {}, mistakes)


def _names(given: Any) -> tuple[str, ...]:
    return () if given is None else (given,) if isinstance(given, str) else tuple(given)


def _specs(top: _Lined, section: str, codes: Mapping[str, Any], mistakes: Mistakes) -> tuple[Spec, ...]:
    given = top.get(section) or _Lined()
    if not isinstance(given, _Lined):
        mistakes.add(
            top.lines[section],
            f"段落 {section} 里每行写作“名称: {{from: 源列}}”",
            f"write each line of section {section} as `name: {{from: column}}`",
        )
        return ()
    return tuple(_spec(name, value, given.lines[name], codes, mistakes) for name, value in given.items())


def _spec(name: str, given: Any, line: int, codes: Mapping[str, Any], mistakes: Mistakes) -> Spec:
    if isinstance(given, str):
        return Spec(name, line, columns=(given,))
    if not isinstance(given, _Lined):
        mistakes.add(
            line,
            f"“{name}”没有来源，请写源列，如 {name}: {{from: 源列}}",
            f"{name} has no source; name a column, like {name}: {{from: column}}",
        )
        return Spec(name, line)
    for part in given:
        if part not in PARTS:
            mistakes.unknown(given.lines[part], "key", part, PARTS)
    if sum(part in given for part in ("from", "value", "expr")) != 1:
        mistakes.add(
            line,
            f"“{name}”要写 from（源列）、value（常量）、expr（表达式）中的一个，且只写一个",
            f"{name} wants one of from (a column), value (a constant), expr (an expression), and only one",
        )
    kind = given.get("kind") or ""
    if kind and kind not in KINDS:
        mistakes.unknown(given.lines["kind"], "kind", kind, KINDS)
    table, by_name = _codes(given, line, codes, mistakes)
    return Spec(
        name,
        line,
        columns=_names(given.get("from")),
        value=given.get("value"),
        expr=given.get("expr") or "",
        codes=table,
        by_name=by_name,
        parse=_names(given.get("parse")),
        kind=kind,
        default=given.get("default"),
        strict=given.get("strict", "yes") in ("yes", "true", "1"),
    )


def _codes(
    given: _Lined, line: int, codes: Mapping[str, Any], mistakes: Mistakes
) -> tuple[Mapping[str, str] | None, bool]:
    wanted = given.get("codes")
    if wanted is None:
        return None, False
    if isinstance(wanted, _Lined):
        return dict(wanted), False
    if wanted in codes:
        return dict(codes[wanted]), False
    if wanted == "names":
        return None, True
    mistakes.unknown(line, "code table", str(wanted), [*codes, "names"])
    return None, False


Conditions = tuple[tuple[str, tuple[str, ...]], ...]


def _filter(top: _Lined, mistakes: Mistakes) -> tuple[Conditions, Conditions, str]:
    given = top.get("filter") or _Lined()
    for part in given:
        if part not in FILTERS:
            mistakes.unknown(given.lines[part], "key", part, FILTERS)
    drop, keep = given.get("drop_when"), given.get("keep_when")
    expr = drop if isinstance(drop, str) else ""
    return _conditions(drop if isinstance(drop, _Lined) else None), _conditions(keep), expr


def _rules(top: _Lined, mistakes: Mistakes) -> tuple[FilterRule, ...]:
    given, line, found = (top.get("filter") or {}).get("rules") or [], top.lines.get("filter", 1), []
    for number, rule in enumerate(given if isinstance(given, list) else [given], start=1):
        if not isinstance(rule, _Lined) or not rule.get("when"):
            mistakes.add(
                line,
                f"第 {number} 条过滤规则没有条件，请写作 {{name: 名称, when: 条件, then: block}}",
                f"filter rule {number} has no condition; write {{name: …, when: condition, then: block}}",
            )
            continue
        at = rule.lines["when"]
        fate = _fate(rule.get("then") or "block", at, mistakes)
        found.append(FilterRule(rule.get("name") or f"rule {number}", rule["when"], fate, at))
    return tuple(found)


def _fate(said: str, line: int, mistakes: Mistakes) -> str:
    if said not in FATES:
        mistakes.unknown(line, "key", said, FATES)
    return said


def _conditions(given: Any) -> Conditions:
    return tuple((column, _names(values)) for column, values in (given or {}).items())


def _unmapped(top: _Lined, mistakes: Mistakes) -> bool:
    said = top.get("unmapped") or "keep"
    if said not in ("keep", "drop"):
        mistakes.unknown(top.lines["unmapped"], "key", said, ("keep", "drop"))
    return bool(said == "keep")
