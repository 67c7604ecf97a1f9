"""The declarations of one kind of document as flat tables: one walk fills their slots, each slot knows what is right.

What a slot does not accept at once is judged, and put into words, by ``form``: quick says only "surely nothing wrong".
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Any, NamedTuple

from lxml import etree

from yigong.kit.text import narrow
from yigong.kit.xml import children
from yigong.standards.cda.form import AKIN, FLAGS, format_of
from yigong.standards.cda.paths import Condition, Step, steps_of
from yigong.standards.cda.values import Value, value_of

Accepts = Callable[[Value], bool]


#: an element at a declared place, with its value
Hit = tuple[etree._Element, Value | None]
Hits = list[list[Hit]]


def says(hit: Hit) -> bool:
    """Whether an element has a value, or parts that have one."""
    return hit[1] is not None or any(value_of(part) is not None for part in children(hit[0]))


Way = tuple[tuple[Condition, ...], "Branch"]


Found = list["Branch"]
Asks = Callable[[etree._Element], Found]  # the branches whose conditions an element answers, each once


@dataclass(slots=True, eq=False)
class Branch:
    """A step of declared paths: the slots that end here, and where its children lead."""

    slots: tuple[int, ...] = ()
    ways: dict[str, list[Way]] = field(default_factory=dict)
    plain: dict[str, Branch] = field(default_factory=dict)
    forks: dict[str, Asks] = field(default_factory=dict)
    joined: dict[tuple[Branch, ...], Branch] = field(default_factory=dict)

    def settle(self) -> Branch:
        """Makes the tables that the walk reads from the ways."""
        for tag, ways in self.ways.items():
            if len(ways) == 1 and not ways[0][0]:
                self.plain[tag] = ways[0][1]
            else:
                self.forks[tag] = _asking(ways)
        return self

    def join(self, branches: Found) -> Branch:
        """Several branches as one, made once."""
        key = tuple(branches)
        if key not in self.joined:
            self.joined[key] = _union(key)
        return self.joined[key]

    def walk(self, root: etree._Element, elements: Iterable[etree._Element], hits: Hits) -> None:
        """Collects what stands at each slot below *root*, in the order of the document."""
        here: dict[etree._Element | None, Branch] = {root: self}
        for node in elements:
            branch = here.get(node.getparent())
            if branch is None:
                continue
            tag: str = node.tag  # type: ignore[assignment]
            if tag in branch.plain:
                branch = branch.plain[tag]
            elif tag in branch.forks and (following := branch.forks[tag](node)):
                branch = following[0] if len(following) == 1 else branch.join(following)
            else:
                continue
            if branch.slots:
                hit = (node, value_of(node))
                for slot in branch.slots:
                    hits[slot].append(hit)
            if branch.ways:
                here[node] = branch


def _union(branches: tuple[Branch, ...]) -> Branch:
    ways: dict[str, dict[tuple[Condition, ...], list[Branch]]] = {}
    for branch in branches:
        for tag, ways_of in branch.ways.items():
            for conditions, following in ways_of:
                ways.setdefault(tag, {}).setdefault(conditions, []).append(following)
    made = Branch(tuple(slot for branch in branches for slot in branch.slots))
    for tag, alike in ways.items():
        made.ways[tag] = [
            (conditions, following[0] if len(following) == 1 else made.join(following))
            for conditions, following in alike.items()
        ]
    return made.settle()


@dataclass(slots=True)
class Slot:
    """Declared places with one path."""

    places: list[Any]
    accepts: list[Accepts]
    by_name: dict[str, int]
    once: bool  # of the person, declared to stand once
    shared: bool = False  # an element may stand at another slot too
    free: bool = False  # whatever stands there is right


#: a required place and its slot
Wanted = tuple[Any, int]


class Candidate(NamedTuple):
    """A place that may be required; *group* is its optional group, None where it always is."""

    place: Any
    slot: int
    key: Any
    group: int | None


@dataclass(slots=True)
class Requirements:
    """The required places of a kind, for each choice of optional groups that a document has."""

    candidates: list[Candidate]
    groups: list[tuple[int, ...]]  # slots that show that an optional group is there
    known: dict[tuple[bool, ...], list[Wanted]]

    def of(self, hits: Hits) -> list[Wanted]:
        """Required places, each path once; those of an optional group only where the group is there."""
        there = tuple(any(hits[slot] for slot in shown) for shown in self.groups)
        if there not in self.known:
            found: dict[Any, Wanted] = {}
            for place, slot, key, group in self.candidates:
                if group is None or there[group]:
                    found.setdefault(key, (place, slot))
            self.known[there] = list(found.values())
        return self.known[there]


@dataclass(slots=True)
class Tables:
    """All that checking a kind needs, in the order of its declarations."""

    root: Branch
    slots: list[Slot]
    required: Requirements
    sections: list[tuple[Any, str]]  # with the code or name that a document says

    judged: list[tuple[int, Slot]]  # the slots where something can be wrong
    unjudged: int  # places without a cardinality

    def hits(self, root: etree._Element, elements: Iterable[etree._Element]) -> Hits:
        """What stands at each slot; *elements* are those of the document in their order."""
        found: Hits = [[] for _ in self.slots]
        for slot in self.root.slots:
            found[slot].append((root, value_of(root)))
        self.root.walk(root, elements, found)
        return found


def tables_of(declared: Any, standards: Any) -> Tables:
    """The declarations of a document kind, compiled."""
    slots: dict[tuple[Step, ...], int] = {}
    made: list[Slot] = []
    for place in declared.elements:
        steps = steps_of(place.xpath)
        if place.xpath and steps not in slots:
            slots[steps] = len(made)
            made.append(Slot([], [], {}, False))
    for place in declared.elements:
        if place.xpath:
            _add(made[slots[steps_of(place.xpath)]], place, standards)
    tags = Counter(tuple(step.tag for step in steps) for steps in slots)
    for steps, at in slots.items():
        made[at].shared = tags[tuple(step.tag for step in steps)] > 1
        made[at].free = not (made[at].once or made[at].shared) and all(
            accept is anything for accept in made[at].accepts
        )
    sections = [(section, section.loinc or section.display) for section in declared.sections]
    judged = [(at, slot) for at, slot in enumerate(made) if not slot.free]
    unjudged = sum(not place.cardinality for place in declared.elements)
    return Tables(_branch(slots), made, _requirements(declared, slots), sections, judged, unjudged)


def _add(slot: Slot, place: Any, standards: Any) -> None:
    steps = steps_of(place.xpath)
    if not slot.places:
        slot.once = bool(steps) and steps[0].tag == "recordTarget" and place.cardinality.endswith("..1")
    slot.by_name.setdefault(place.name_zh, len(slot.places))
    slot.places.append(place)
    slot.accepts.append(accepts(place, standards, is_value=bool(steps) and steps[-1].tag == "value"))


def _requirements(declared: Any, slots: dict[tuple[Step, ...], int]) -> Requirements:
    groups: dict[tuple[str, str], list[int]] = {}
    for place in declared.elements:
        if place.group_zh and place.xpath:
            groups.setdefault((place.section_zh, place.group_zh), []).append(slots[steps_of(place.xpath)])
    found, optional = [], list[tuple[str, str]]()
    for place in declared.elements:
        if place.cardinality.startswith("1") and place.xpath:
            steps, key = steps_of(place.xpath), (place.section_zh, place.group_zh)
            is_optional = place.group_cardinality.startswith("0")
            if is_optional and key not in optional:
                optional.append(key)
            group = optional.index(key) if is_optional else None
            found.append(Candidate(place, slots[steps], (steps, place.name_zh), group))
    return Requirements(found, [tuple(groups.get(key, ())) for key in optional], {})


def _branch(paths: dict[tuple[Step, ...], int]) -> Branch:
    """The paths as a tree; *paths* are the steps that remain, with the slot each ends in."""
    here = Branch((paths[()],) if () in paths else ())
    firsts: dict[Step, dict[tuple[Step, ...], int]] = {}
    for steps, slot in paths.items():
        if steps:
            firsts.setdefault(steps[0], {})[steps[1:]] = slot
    for step, rest in firsts.items():
        here.ways.setdefault(step.tag, []).append((step.conditions, _branch(rest)))
    return here.settle()


def _asking(ways: list[Way]) -> Asks:
    """What an element is asked where it may lead to several branches."""
    tables: dict[tuple[bool, str, str], dict[str | None, Branch]] = {}
    asked: list[Asks] = []
    for conditions, branch in ways:
        if len(conditions) == 1 and "/" not in conditions[0].path:
            tables.setdefault(conditions[0][:3], {})[conditions[0].value] = branch
        else:
            asked.append(_all(conditions, branch))
    asked += [_table(*key, table) for key, table in tables.items()]
    return asked[0] if len(asked) == 1 else lambda node: [branch for ask in asked for branch in ask(node)]


def _all(conditions: tuple[Condition, ...], branch: Branch) -> Asks:
    return lambda node: [branch] if all(condition.holds(node) for condition in conditions) else []


def _table(deep: bool, path: str, attribute: str, table: dict[str | None, Branch]) -> Asks:
    """Branches by what an element, its children or its descendants of a name say in an attribute."""

    def by_own(node: etree._Element) -> Found:
        branch = table.get(node.get(attribute))
        return [branch] if branch is not None else []

    def by_inner(node: etree._Element) -> Found:
        said = {part.get(attribute) for part in node.iter(path)}
        return [table[value] for value in said if value in table]

    def by_parts(node: etree._Element) -> Found:
        found: Found = []
        for part in children(node):
            if part.tag == path:
                branch = table.get(part.get(attribute))
                if branch is not None and branch not in found:
                    found.append(branch)
        return found

    return by_inner if deep else by_parts if path else by_own


def accepts(place: Any, standards: Any, *, is_value: bool) -> Accepts:
    """Whether a value at a place is surely right; a value that is not accepted may still be right."""
    right = _right(place, standards)
    if place.cda_type in ("PQ", "doseQuantity", "age") and place.type == "N" and place.unit.strip("-x/"):
        right = _both(right, _unit(place))
    if not is_value:
        return right
    kinds = frozenset({place.cda_type}.union(*(akin for akin in AKIN if place.cda_type in akin))) - {"value", ""}
    if right is anything:
        return lambda value: value[KIND] in kinds
    return lambda value: value[KIND] in kinds and right(value)


KIND = Value._fields.index("kind")


def _both(first: Accepts, second: Accepts) -> Accepts:
    return lambda value: first(value) and second(value)


def _right(place: Any, standards: Any) -> Accepts:
    match place.type:
        case "D" | "DT":
            return _time
        case "N":
            return _number(place)
        case "L":
            return lambda value: (value.text or value.code).lower() in FLAGS
        case "S2" | "S3" if place.value_set_id:
            return _code(place, standards.value_sets.get(place.value_set_id))
    return _length(place)


def anything(value: Value) -> bool:
    """No value is wrong where nothing is declared of it."""
    return True


def _time(value: Value) -> bool:
    """A day or a second as HL7 writes it."""
    text = value.text
    if len(text) not in (8, 12, 14) or not (text.isascii() and text.isdigit()):
        return False
    if text[8:] and (text[8:10] > "23" or text[10:12] > "59"):
        return False
    try:
        date(int(text[:4]), int(text[4:6]), int(text[6:8]))
    except ValueError:
        return False
    return True


def _number(place: Any) -> Accepts:
    form = format_of(place.format)
    if form and form.signs == "N" and form.most:
        decimals = form.decimals or 0
        least = rf"0*[0-9]{{0,{max(form.most - decimals, 0)}}}(?:\.(?=[0-9])[0-9]{{0,{decimals}}}0*)?"
    else:
        least = r"[0-9]+(?:\.[0-9]+)?"
    fits = re.compile(rf"[-+]?(?=[0-9]){least}").fullmatch
    return lambda value: fits(value.text or value.code) is not None


def _length(place: Any) -> Accepts:
    form = format_of(place.format)
    if form is None or form.signs not in ("A", "AN", "N"):
        return anything
    least, most = form.least if form.least and form.least > 1 else 0, form.most or 2**31
    return lambda value: least <= len(value.text or value.code) <= most


def _code(place: Any, codes: Any) -> Accepts:
    known = None
    if codes is not None and codes.complete:
        known = frozenset(codes.codes) | {code.as_found for code in codes.codes.values()}
    systems = ("", place.code_system_oid)
    is_free = not place.code_system_oid

    def right(value: Value) -> bool:
        given = value.code or value.text
        return (known is None or not given or given in known) and (is_free or not value.code or value.system in systems)

    return right


def _unit(place: Any) -> Accepts:
    units = {place.unit, narrow(place.unit), narrow(place.unit).lower()} - {""}
    if place.cda_type == "PQ":
        return lambda value: value.unit in units
    return lambda value: bool(value.unit)
