"""A mapping taken apart for the page and written back as the same YAML: one text, whether a page or a file holds it. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from yigong.edge.mapping.file import KINDS, SECTIONS
from yigong.kit.errors import Refused

#: sections that take a source, beside the fields: place of the registration and the event
WAIST = ("event_at", "local_id")
LISTS = ("key", "group", "encounter")
HOWS = ("from", "value", "expr")
Draft = dict[str, Any]


def opened(text: str) -> Draft:
    """The sections of a mapping as plain values, all text. What is no YAML is an empty draft."""
    try:
        found = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506  - the base loader knows texts, lists and mappings only
    except yaml.YAMLError:
        return {}
    return found if isinstance(found, dict) else {}


class _Dumper(yaml.SafeDumper):
    """Writes short lists and mappings on one line, as people do."""

    def represent_mapping(self, tag: str, mapping: Any, flow_style: bool | None = None) -> Any:
        node = super().represent_mapping(tag, mapping, flow_style)
        node.flow_style = all(isinstance(v, yaml.ScalarNode) or getattr(v, "flow_style", False) for _k, v in node.value)
        return node

    def represent_sequence(self, tag: str, sequence: Any, flow_style: bool | None = None) -> Any:
        node = super().represent_sequence(tag, sequence, flow_style)
        node.flow_style = all(isinstance(v, yaml.ScalarNode) for v in node.value)
        return node


def written(draft: Draft) -> str:
    """The YAML of a draft, sections in the order of the guide."""
    order = [
        "data_set", "source_system", "person_system", "org_code", "key", "group", "encounter", "event_at", "local_id", "person",
        "person_leads", "filter", "fields", "extra", "codes", "unmapped",
    ]  # fmt: skip
    lines = []
    for section in order:
        value = draft.get(section)
        if value in (None, "", [], {}):
            continue
        one = section in ("fields", "person", "extra", "codes", "filter")
        text = yaml.dump({section: value}, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=10_000)
        lines.append(_blocked(section, value) if one and isinstance(value, Mapping) else _unbraced(text))
    return "".join(lines)


def _unbraced(text: str) -> str:
    """A one-line document ``{a: b}`` without its outer braces."""
    return f"{text.strip()[1:-1]}\n" if text.startswith("{") else text


def _blocked(section: str, value: Mapping[str, Any]) -> str:
    inner = "".join(
        f"  {_unbraced(yaml.dump({k: v}, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=10_000)).rstrip()}\n".replace("\n-", "\n  -")
        if not _deep(v) else _deeply(k, v)
        for k, v in value.items()
    )  # fmt: skip
    return f"{section}:\n{inner}"


def _deep(value: Any) -> bool:
    return isinstance(value, list) and any(isinstance(v, Mapping | list) for v in value)


def _deeply(key: str, value: Sequence[Any]) -> str:
    items = "".join(
        f"    - {yaml.dump(v, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=10_000, default_flow_style=True).strip()}\n"
        for v in value
    )
    return f"  {key}:\n{items}"


@dataclass(frozen=True, slots=True)
class Line:
    """One value of the mapping as the page shows it."""

    name: str
    how: str = ""  # from value expr, empty while nothing is said
    source: str = ""  # columns joined by comma, the constant, or the expression
    codes: str = ""  # name of a code table, or "names"
    parse: str = ""
    default: str = ""
    kind: str = ""
    lenient: bool = False


def names(given: Any) -> list[str]:
    """One name or several, as a list."""
    return [] if not given else [given] if isinstance(given, str) else list(given)


def line(name: str, given: Any) -> Line:
    """A spec of the YAML as a line."""
    if given is None:
        return Line(name)
    if isinstance(given, str):
        return Line(name, "from", given)
    how = next((h for h in HOWS if h in given), "")
    codes = given.get("codes", "")
    return Line(
        name, how, _joined(given.get(how, "")), codes if isinstance(codes, str) else name, _joined(given.get("parse", "")),
        given.get("default", ""), given.get("kind", ""), given.get("strict", "yes") not in ("yes", "true", "1"),
    )  # fmt: skip


def spec(one: Line) -> Any:
    """A line as a spec of the YAML: a bare column where nothing else is said. None where there is no source."""
    if not one.how or not (one.source or one.how == "value"):
        return None
    source: Any = one.source
    if one.how == "from":
        columns = [c.strip() for c in one.source.split(",") if c.strip()]
        source = columns[0] if len(columns) == 1 else columns
    given: dict[str, Any] = {one.how: source}
    parse = [p.strip() for p in one.parse.split("|") if p.strip()]
    for key, value in (
        ("codes", one.codes),
        ("parse", parse[0] if len(parse) == 1 else parse),
        ("default", one.default),
        ("kind", one.kind),
    ):
        if value:
            given[key] = value
    if one.lenient:
        given["strict"] = "no"
    return source if given == {"from": source} and isinstance(source, str) else given


def _joined(given: Any) -> str:
    return given if isinstance(given, str) else ", ".join(given) if isinstance(given, list) else ""


def put(draft: Draft, section: str, one: Line) -> Draft:
    """The draft with a line of *section* (``fields person extra``, or ``event_at local_id`` themselves) set or taken away.

    Raises Refused exchange.draft_wrong.
    """
    if section not in ("fields", "person", "extra", *WAIST) or (one.kind and one.kind not in KINDS):
        raise Refused("exchange.draft_wrong", part=section)
    given = spec(one)
    if section in WAIST:
        return {**draft, section: given}
    lines = dict(draft.get(section) or {})
    if given is None:
        lines.pop(one.name, None)
    else:
        lines[one.name] = given
    return {**draft, section: lines}


def put_plain(draft: Draft, name: str, value: Any) -> Draft:
    """The draft with a section of plain text or a list of columns. Raises Refused exchange.draft_wrong."""
    if name not in SECTIONS:
        raise Refused("exchange.draft_wrong", part=name)
    return {**draft, name: value}


def put_codes(draft: Draft, table: str, codes: Mapping[str, str]) -> Draft:
    """The draft with lines of a code table set; a line set to nothing is taken away."""
    tables = dict(draft.get("codes") or {})
    lines = {**(tables.get(table) or {}), **codes}
    tables[table] = {k: v for k, v in lines.items() if v != ""}
    return {**draft, "codes": {k: v for k, v in tables.items() if v}}


def rules(draft: Draft) -> list[dict[str, str]]:
    """The filter rules, those of the short forms written out."""
    given = draft.get("filter") or {}
    found: list[dict[str, str]] = []
    for section, form in (("drop_when", "{c} in ({v})"), ("keep_when", "not ({c} in ({v}))")):
        conditions = given.get(section) or {}
        if isinstance(conditions, str):
            found.append({"name": section, "when": conditions, "then": "block"})
            continue
        for column, values in conditions.items():
            listed = ", ".join(f"'{v}'" for v in ([values] if isinstance(values, str) else values))
            found.append({"name": column, "when": form.format(c=f"[{column}]", v=listed), "then": "block"})
    return [
        *found,
        *(
            {"name": r.get("name", ""), "when": r.get("when", ""), "then": r.get("then", "block")}
            for r in given.get("rules") or []
        ),
    ]


def put_rules(draft: Draft, given: Sequence[Mapping[str, str]], otherwise: str) -> Draft:
    """The draft with these filter rules, in order."""
    kept = [
        {"name": r["name"] or f"rule {n}", "when": r["when"], "then": r["then"]}
        for n, r in enumerate(given, start=1)
        if r["when"].strip()
    ]
    said: dict[str, Any] = {"rules": kept} if kept else {}
    if otherwise == "block":
        said["otherwise"] = "block"
    return {**draft, "filter": said}


@dataclass(frozen=True, slots=True)
class Changed:
    """A line of a difference: its sign (`` +-``), both numbers, the text."""

    sign: str
    before: int | None
    after: int | None
    text: str


def difference(old: str, new: str) -> list[Changed]:
    """Two versions line by line."""
    found, before, after = [], 0, 0
    for row in difflib.ndiff(old.splitlines(), new.splitlines()):
        sign, text = row[0], row[2:]
        if sign == "?":
            continue
        before += sign in " -"
        after += sign in " +"
        found.append(Changed(sign, before if sign in " -" else None, after if sign in " +" else None, text))
    return found
