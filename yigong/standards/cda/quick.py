"""The declarations of one kind of document as flat tables: one walk fills their slots, each slot knows what is right.

What a slot does not accept at once is judged, and put into words, by ``form``: quick says only "surely nothing wrong".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from lxml import etree

from yigong.kit.xml import children
from yigong.standards.cda.frame import PATHS
from yigong.standards.cda.paths import Condition, Step, steps_of
from yigong.standards.cda.right import Right, anything, right_at
from yigong.standards.cda.values import value_of

Nodes = list[etree._Element]
#: slot -> the elements that stand there, in the order of the document
Hits = dict[int, Nodes]


def says(node: etree._Element) -> bool:
    """Whether an element has a value, or parts that have one."""
    return value_of(node) is not None or any(value_of(part) is not None for part in children(node))


Way = tuple[tuple[Condition, ...], "Branch"]


Found = list["Branch"]
#: the branches whose conditions an element with these children answers, each once
Asks = Callable[[etree._Element, Nodes], Found]


@dataclass(slots=True, eq=False)
class Branch:
    """A step of declared paths: the slots that end here, and where its children lead."""

    slots: tuple[int, ...] = ()
    ways: dict[str, list[Way]] = field(default_factory=dict)
    next: dict[str, Branch | Asks] = field(default_factory=dict)
    joined: dict[tuple[Branch, ...], Branch] = field(default_factory=dict)

    def settle(self) -> Branch:
        """Makes the table that the walk reads from the ways."""
        for tag, ways in self.ways.items():
            self.next[tag] = ways[0][1] if len(ways) == 1 and not ways[0][0] else _asking(ways)
        return self

    def join(self, branches: Found) -> Branch:
        """Several branches as one, made once."""
        key = tuple(branches)
        if key not in self.joined:
            self.joined[key] = _union(key)
        return self.joined[key]

    def walk(self, parts: Nodes, hits: Hits) -> None:
        """Collects what stands at each slot below an element with these children; what is not declared is not entered."""
        ways = self.next
        for node in parts:
            following = ways.get(node.tag)  # type: ignore[call-overload]
            if following is None:
                continue
            inner = None
            if following.__class__ is not Branch:
                inner = children(node)
                branches = following(node, inner)  # type: ignore[operator]
                if not branches:
                    continue
                following = branches[0] if len(branches) == 1 else self.join(branches)
            for slot in following.slots:
                if slot in hits:
                    hits[slot].append(node)
                else:
                    hits[slot] = [node]
            if following.next:
                following.walk(inner if inner is not None else children(node), hits)


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
    rights: list[Right]
    by_name: dict[str, int]
    once: bool  # of the person, declared to stand once
    shared: bool = False  # an element may stand at another slot too
    free: bool = False  # whatever stands there is right
    place: Any = None  # the first place
    right: Right | None = None  # of the only place; None where there are several


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
    groups: list[frozenset[int]]  # slots that show that an optional group is there
    known: dict[tuple[bool, ...], list[Wanted]]

    def of(self, hits: Hits) -> list[Wanted]:
        """Required places, each path once; those of an optional group only where the group is there."""
        there = tuple(not hits.keys().isdisjoint(shown) for shown in self.groups)
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
    section_names: frozenset[str]
    unjudged: int  # places without a cardinality
    head: dict[str, int]  # path of the head -> slot

    def hits(self, root: etree._Element) -> Hits:
        """What stands at each slot that the document has."""
        found: Hits = {slot: [root] for slot in self.root.slots}
        self.root.walk(children(root), found)
        return found


def tables_of(declared: Any, standards: Any) -> Tables:
    """The declarations of a document kind, compiled."""
    slots: dict[tuple[Step, ...], int] = {}
    made: list[Slot] = []
    head = {path: steps_of(f"/ClinicalDocument/{path}") for path in PATHS}
    for place in declared.elements:
        steps = steps_of(place.xpath)
        if place.xpath and steps not in slots:
            slots[steps] = len(made)
            made.append(Slot([], [], {}, False))
    for place in declared.elements:
        if place.xpath:
            _add(made[slots[steps_of(place.xpath)]], place, standards)
    declared_slots = len(made)
    for steps in head.values():
        if steps not in slots:
            slots[steps] = len(made)
            made.append(Slot([], [], {}, False, free=True))
    tags = Counter(tuple(step.tag for step in steps) for steps, at in slots.items() if at < declared_slots)
    for steps, at in slots.items():
        if at >= declared_slots:
            continue
        made[at].shared = tags[tuple(step.tag for step in steps)] > 1
        made[at].place = made[at].places[0]
        made[at].right = made[at].rights[0] if len(made[at].rights) == 1 else None
        made[at].free = not (made[at].once or made[at].shared) and all(right is anything for right in made[at].rights)
    sections = [(section, section.loinc or section.display) for section in declared.sections]
    unjudged = sum(not place.cardinality for place in declared.elements)
    return Tables(
        _branch(slots),
        made,
        _requirements(declared, slots),
        sections,
        frozenset(name for _, name in sections),
        unjudged,
        {path: slots[steps] for path, steps in head.items()},
    )


def _add(slot: Slot, place: Any, standards: Any) -> None:
    steps = steps_of(place.xpath)
    if not slot.places:
        slot.once = bool(steps) and steps[0].tag == "recordTarget" and place.cardinality.endswith("..1")
    slot.by_name.setdefault(place.name_zh, len(slot.places))
    slot.places.append(place)
    slot.rights.append(right_at(place, standards, is_value=bool(steps) and steps[-1].tag == "value"))


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
    return Requirements(found, [frozenset(groups.get(key, ())) for key in optional], {})


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
    return asked[0] if len(asked) == 1 else lambda node, parts: [branch for ask in asked for branch in ask(node, parts)]


def _all(conditions: tuple[Condition, ...], branch: Branch) -> Asks:
    return lambda node, _: [branch] if all(condition.holds(node) for condition in conditions) else []


def _table(deep: bool, path: str, attribute: str, table: dict[str | None, Branch]) -> Asks:
    """Branches by what an element, its children or its descendants of a name say in an attribute."""

    def by_own(node: etree._Element, _: Nodes) -> Found:
        branch = table.get(node.get(attribute))
        return [branch] if branch is not None else []

    def by_inner(node: etree._Element, _: Nodes) -> Found:
        said = {part.get(attribute) for part in node.iter(path)}
        return [table[value] for value in said if value in table]

    def by_parts(_: etree._Element, parts: Nodes) -> Found:
        found: Found = []
        for part in parts:
            if part.tag == path:
                branch = table.get(part.get(attribute))
                if branch is not None and branch not in found:
                    found.append(branch)
        return found

    return by_inner if deep else by_parts if path else by_own
