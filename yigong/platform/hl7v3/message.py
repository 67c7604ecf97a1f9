"""A request opened: its envelope, its fields under their declared names, its repeating parts. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cache

from lxml import etree

from yigong.kit.errors import Refused
from yigong.kit.moments import NotAMoment, day, is_blank, moment
from yigong.kit.xml import parse
from yigong.platform.hl7v3 import paths
from yigong.platform.hl7v3.declared import Spec, is_group, specs, tidy
from yigong.platform.hl7v3.soap import LIMIT, bounded
from yigong.standards.api import ServiceField

#: interaction ids of the newer edition stand under this root
NEWER = "2.16.156.10011.2.5.1.2"
CHINESE_MEDICINE = "2.16.156.10011.2.3.3.14"
Group = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Head:
    """What every message says of itself."""

    root: str
    message_id: str
    created: str
    interaction: str
    sender: str
    receiver: str
    newer: bool
    processing: str = ""  # processingCode: P production, T training, D debugging
    mode: str = ""  # processingModeCode


class FieldName(str):
    """The Chinese name of a field, and the declared one for sentences in English."""

    __slots__ = ("english",)
    english: str

    def __new__(cls, zh: str, english: str) -> FieldName:
        """Both names."""
        found = super().__new__(cls, zh)
        found.english = english
        return found


@dataclass(frozen=True, slots=True)
class Request:
    """One request as its service reads it."""

    spec: Spec
    head: Head
    tree: etree._Element = field(repr=False)
    fields: Mapping[str, str]
    groups: Mapping[str, Sequence[Group]]
    start: int = 1  # the first result that is wanted, from 1
    most: int = 0  # how many are wanted, as a continuation says it; 0: as the query itself says it

    def get(self, name: str) -> str:
        """The value of a field; empty when the message does not have it."""
        return self.fields.get(name, "")

    def need(self, *names: str) -> None:
        """Raises Refused v3.missing with name and place of the first field that is empty."""
        for name in names:
            if not self.get(name):
                raise Refused("v3.missing", field=self.words(name), place=self.place(name))

    def day(self, name: str) -> date | None:
        """A field as a day. Raises Refused v3.no_date."""
        text = self.get(name)
        if is_blank(text):
            return None
        try:
            return day(text)
        except NotAMoment:
            raise Refused("v3.no_date", field=self.words(name), place=self.place(name), value=text[:20]) from None

    def moment(self, name: str) -> datetime | None:
        """A field as a point in time. Raises Refused v3.no_date."""
        return self.moment_of(name, self.get(name))

    def moment_of(self, name: str, text: str) -> datetime | None:
        """The text of a field as a point in time. Raises Refused v3.no_date."""
        if is_blank(text):
            return None
        try:
            return moment(text)
        except NotAMoment:
            raise Refused("v3.no_date", field=self.words(name), place=self.place(name), value=text[:20]) from None

    def coded(self, name: str, *allowed: str) -> str:
        """A coded field, empty or one of *allowed*. Raises Refused v3.not_in_codes."""
        code = self.get(name)
        if code and code not in allowed:
            facts = {"field": self.words(name), "place": self.place(name), "value": code[:20]}
            raise Refused("v3.not_in_codes", allowed=" ".join(allowed), **facts)
        return code

    def fit(self, name: str, most: int) -> str:
        """A field of at most so many signs. Raises Refused v3.too_long."""
        text = self.get(name)
        if len(text) > most:
            raise Refused("v3.too_long", field=self.words(name), place=self.place(name), limit=most, size=len(text))
        return text

    def words(self, name: str) -> FieldName:
        """The name of a field."""
        return FieldName(next((f.name_zh for f in self.spec.request if f.name == name), name), name)

    def all_words(self, names: Sequence[str]) -> FieldName:
        """The names of several fields."""
        return FieldName("、".join(self.words(n) for n in names), ", ".join(names))

    def strange_root(self, name: str) -> str:
        """The root of an identifier at the place of a field when it is that of no field declared there; else empty."""
        path = next((tidy(f.xpath) for f in self.spec.request if f.name == name), "")
        known = {mark for f in self.spec.request if tidy(f.xpath) == path for mark in paths.MARKS.get(f.name, ())}
        said = paths.marks(self.tree, path) if path and known else ()
        return next((mark for mark in said if mark not in known), "")

    def place(self, name: str) -> str:
        """Where a field stands in the message."""
        path = next((f.xpath for f in self.spec.request if f.name == name), "")
        return f"/{self.head.root}{tidy(path)}" if path else ""


def open_tree(data: bytes) -> etree._Element:
    """The tree of a message with bare names. Raises Refused xml_*, v3.too_deep, v3.too_many."""
    return bounded(parse(data, limit=LIMIT).root)


def head_of(root: etree._Element) -> Head:
    """The envelope fields of a message, in either way of writing them."""
    interaction = root.find("interactionId")
    newer = interaction is not None and (interaction.get("root") or "").strip() == NEWER
    return Head(
        root=str(root.tag),
        message_id=_first(root, ("/id/@extension", "/ID/@extension", "/Id/@extension", "/id/@root"))[:100],
        created=paths.read(root, "/creationTime/@value")[:30],
        interaction=(interaction.get("extension") or "").strip() if interaction is not None else "",
        sender=_device(root, "sender"),
        receiver=_device(root, "receiver"),
        newer=newer,
        processing=paths.read(root, "/processingCode/@code").strip()[:20],
        mode=paths.read(root, "/processingModeCode/@code").strip()[:20],
    )


def _device(root: etree._Element, side: str) -> str:
    where = f"/{side}/device/id/item"
    return (paths.read(root, f"{where}/@extension") or paths.read(root, f"{where}/@root"))[:80]


def _first(root: etree._Element, ways: Sequence[str]) -> str:
    return next((value for way in ways if (value := paths.read(root, way))), "")


def open_request(spec: Spec, root: etree._Element) -> Request:
    """The message as the service's declaration reads it. Raises Refused v3.other_message, v3.missing (no message id)."""
    head = head_of(root)
    if not _meant(spec, head.root):
        raise Refused("v3.other_message", root=head.root[:60], wanted=spec.root)
    plan = _plan(spec.key)
    fields = {f.name: value for f in plan.single if (value := _read(plan, root, "", f))}
    groups = {name: _group(plan, root, name) for name in spec.groups}
    request = Request(spec, head, root, fields, groups)
    if not head.message_id:
        request.need("MsgID")
    return request


def _meant(spec: Spec, root: str) -> bool:
    return root == spec.root or ("_IN" in root and root[:8] == spec.root[:8])


@dataclass(frozen=True, slots=True)
class _Plan:
    """How a service's request is read: single fields, fields of each group, and which fields share a path."""

    single: Sequence[ServiceField]
    grouped: Mapping[str, Sequence[ServiceField]]
    paths: Mapping[str, str]
    shared: Mapping[str, int]
    numbers: Mapping[str, int]  # of a field among those on its path


@cache
def _plan(key: str) -> _Plan:
    spec = specs()[key]
    shared = Counter(tidy(f.xpath) for f in spec.request)
    of_groups = {name: tidy(path) for name, path in spec.groups.items()}
    grouped: dict[str, list[ServiceField]] = {name: [] for name in of_groups}
    single: list[ServiceField] = []
    for f in spec.request:
        if is_group(f, spec.request) or "/" not in f.xpath:
            continue
        holders = [n for n, path in of_groups.items() if tidy(f.xpath).startswith(path + "/")]
        for name in holders:
            if len(holders) == 1 or f.name[:4] == name[:4]:  # WesternDiagCode belongs to WesternReason
                grouped[name].append(f)
        if not holders:
            single.append(f)
    return _Plan(single, grouped, of_groups, shared, _numbers(spec.request))


def _numbers(fields: Sequence[ServiceField]) -> Mapping[str, int]:
    seen: Counter[str] = Counter()
    numbers: dict[str, int] = {}
    for f in fields:
        path = tidy(f.xpath)
        numbers[f.name] = seen[path]
        seen[path] += 1
    return numbers


def _read(plan: _Plan, node: etree._Element, below: str, f: ServiceField) -> str:
    path = tidy(f.xpath)
    shared = plan.shared[path] > 1
    label = f.name_zh if shared and path.endswith("/observation/value/@value") else ""
    number = plan.numbers[f.name] if shared else None
    below_it = path[len(below) :]
    value = paths.read(node, below_it, f.name, shared=shared, label=label, number=number)
    if not value and "/subject1/" in path:  # the sources hang some parts one element too deep
        nearer = below_it.replace("/subject1/", "/", 1)
        value = paths.read(node, nearer, f.name, shared=shared, label=label, number=number)
    return value


def _group(plan: _Plan, root: etree._Element, name: str) -> list[Group]:
    rows: list[Group] = []
    for node in paths.all_at(root, plan.paths[name]):
        if name in ("WesternReason", "ChineseReason") and _chinese(node) != (name == "ChineseReason"):
            continue
        row = {f.name: value for f in plan.grouped[name] if (value := _within(plan, node, name, f))}
        if row:
            rows.append(row)
    return rows


def _within(plan: _Plan, node: etree._Element, name: str, f: ServiceField) -> str:
    below = tidy(f.xpath)[len(plan.paths[name]) :]
    shared = plan.shared[tidy(f.xpath)] > 1 and not f.name.startswith(("Western", "Chinese"))
    number = plan.numbers[f.name] if shared else None
    return paths.read(node, below, "" if not shared else f.name, shared=shared, number=number)


def _chinese(node: etree._Element) -> bool:
    """Whether a diagnosis is one of traditional Chinese medicine, by its code system."""
    return any((e.get("codeSystem") or "").startswith(CHINESE_MEDICINE) for e in node.iter(etree.Element))
