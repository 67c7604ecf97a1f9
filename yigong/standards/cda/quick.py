"""The declarations of one kind of document as flat tables: one walk fills their slots and judges what stands there.

What a slot does not accept at once is judged, and put into words, by ``form``: quick says only "surely nothing wrong".
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from lxml import etree

from yigong.kit.xml import below, children
from yigong.standards.cda.frame import PATHS
from yigong.standards.cda.paths import Condition, Step, steps_of
from yigong.standards.cda.right import Right, Rights, anything
from yigong.standards.cda.values import value_of

Nodes = list[etree._Element]
BODY = "/ClinicalDocument/component/"
KEPT = 1000  # joined branches of one branch


def says(node: etree._Element) -> bool:
    """Whether an element has a value, or parts that have one."""
    return value_of(node) is not None or any(value_of(part) is not None for part in children(node))


Way = tuple[tuple[Condition, ...], "Branch"]
#: the branch whose conditions an element with these children answers
Asks = Callable[[etree._Element, Nodes], "Branch | None"]
#: the name of an element -> where it leads
Leads = dict[str, "Branch | Asks"]
#: branches of one element as one branch
Joins = Callable[[list["Branch"]], "Branch | None"]


@dataclass(slots=True)
class Stock:
    """What stands in a document at declared places."""

    hits: defaultdict[int, Nodes]  # slot -> the elements that stand there, in the order of the document
    doubts: list[tuple[Branch, etree._Element]]  # those that are not surely right
    met: list[tuple[Leads, Nodes]]  # every element that was met: kept, for lxml makes what nobody holds once more


@dataclass(slots=True, eq=False)
class Branch:
    """A step of declared paths: the slots that end here, the test of the first of them, and where its children lead."""

    slots: tuple[int, ...] = ()
    right: Right | None = None  # None where nothing can be wrong
    ways: dict[str, list[Way]] = field(default_factory=dict)
    next: Leads = field(default_factory=dict)
    joined: dict[tuple[Branch, ...], Branch] = field(default_factory=dict)

    def settle(self) -> Branch:
        """Makes the table that the walk reads from the ways."""
        for tag, ways in self.ways.items():
            self.next[tag] = ways[0][1] if len(ways) == 1 and not ways[0][0] else _asking(ways, self.join)
        return self

    def join(self, branches: list[Branch]) -> Branch | None:
        """Several branches as one, made once; a sender's inventions are not kept without end."""
        if len(branches) < 2:
            return branches[0] if branches else None
        key = tuple(branches)
        made = self.joined.get(key) or _union(key)
        if len(self.joined) < KEPT:
            self.joined[key] = made
        return made


def stock_of(root: etree._Element, top: Branch) -> Stock:
    """What stands at each slot, found level by level; what is not declared is not entered.

    Elements are sought, then sorted, then tested: each loop does one thing to all of them, which the processor does
    quicker than all things to each.
    """
    hits: defaultdict[int, Nodes] = defaultdict(list)
    standing: list[tuple[Branch, etree._Element]] = []
    queue: list[tuple[Leads, Nodes]] = [(top.next, [root])]
    for ways, nodes in queue:
        for node in nodes:
            branch = ways.get(node.tag)  # type: ignore[call-overload]
            if branch is None:
                continue
            parts = children(node)
            if branch.__class__ is not Branch:
                branch = branch(node, parts)  # type: ignore[operator]
                if branch is None:
                    continue
            if branch.slots:
                standing.append((branch, node))
            if parts and branch.next:
                queue.append((branch.next, parts))
    for branch, node in standing:
        for slot in branch.slots:
            hits[slot].append(node)
    doubts = [each for each in standing if each[0].right is not None and not each[0].right(each[1])]
    return Stock(hits, doubts, queue)


def _union(branches: tuple[Branch, ...]) -> Branch:
    ways: dict[str, dict[tuple[Condition, ...], list[Branch]]] = {}
    for branch in branches:
        for tag, ways_of in branch.ways.items():
            for conditions, following in ways_of:
                ways.setdefault(tag, {}).setdefault(conditions, []).append(following)
    ending = sorted((branch for branch in branches if branch.slots), key=lambda branch: branch.slots)
    made = Branch(tuple(slot for branch in ending for slot in branch.slots))
    if ending:
        made.right = ending[0].right if len(ending) == 1 else ending[0].right or anything
    for tag, alike in ways.items():
        made.ways[tag] = [
            (conditions, following[0] if len(following) == 1 else _union(tuple(following)))
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

    @property
    def right(self) -> Right | None:
        """Whether an element is surely right; None where whatever stands here is."""
        if len(set(self.rights)) > 1:
            return lambda node: self.rights[self.called(node)](node)
        return None if not self.rights or self.rights[0] is anything else self.rights[0]

    def called(self, node: etree._Element) -> int:
        """Of several places with one path the one whose name the document says, else that with its unit."""
        if len(self.places) == 1:
            return 0
        parent = node.getparent()
        codes = below([parent], "code") if parent is not None else None
        at = self.by_name.get((codes[0].get("displayName") or "") if codes else "")
        if at is not None:
            return at
        unit = node.get("unit")
        return next((at for at, place in enumerate(self.places) if place.unit == unit), 0) if unit else 0


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

    def of(self, stock: Stock) -> list[Wanted]:
        """Required places, each path once; those of an optional group only where the group is there."""
        there = tuple([not stock.hits.keys().isdisjoint(shown) for shown in self.groups])
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

    top: Branch
    slots: list[Slot]
    once: list[int]  # slots of which a person has one
    body: frozenset[int]  # slots below the head
    untested: frozenset[int]  # slots where nothing can be wrong, though there may be no value
    required: Requirements
    sections: list[tuple[Any, str]]  # with the code or name that a document says
    section_names: frozenset[str]
    loincs: frozenset[str]  # of the sections that have one
    unjudged: int  # places without a cardinality
    head: dict[str, int]  # path of the head -> slot

    def stock(self, root: etree._Element) -> Stock:
        """What stands at each slot that the document has."""
        return stock_of(root, self.top)


def tables_of(declared: Any, standards: Any) -> Tables:
    """The declarations of a document kind, compiled."""
    slots: dict[tuple[Step, ...], int] = {}
    made: list[Slot] = []
    rights = Rights(standards)
    for place in declared.elements:
        if place.xpath:
            _add(_slot(steps_of(place.xpath), slots, made), place, rights)
    head = {path: steps_of(f"/ClinicalDocument/{path}") for path in PATHS}
    for steps in head.values():
        _slot(steps, slots, made)
    tests = [slot.right for slot in made]
    sections = [(section, section.loinc or section.display) for section in declared.sections]
    return Tables(
        Branch(next={"ClinicalDocument": _branch(slots, tests)}),
        made,
        [at for at, slot in enumerate(made) if slot.once],
        frozenset(at for at, slot in enumerate(made) if any(place.xpath.startswith(BODY) for place in slot.places)),
        frozenset(at for at, test in enumerate(tests) if test is None),
        _requirements(declared, slots),
        sections,
        frozenset(name for _, name in sections),
        frozenset(section.loinc for section in declared.sections if section.loinc),
        sum(not place.cardinality for place in declared.elements),
        {path: slots[steps] for path, steps in head.items()},
    )


def _slot(steps: tuple[Step, ...], slots: dict[tuple[Step, ...], int], made: list[Slot]) -> Slot:
    """The slot of a path, a new one where there is none yet."""
    if steps not in slots:
        slots[steps] = len(made)
        made.append(Slot([], [], {}, False))
    return made[slots[steps]]


def _add(slot: Slot, place: Any, rights: Rights) -> None:
    steps = steps_of(place.xpath)
    if not slot.places:
        slot.once = bool(steps) and steps[0].tag == "recordTarget" and place.cardinality.endswith("..1")
    slot.by_name.setdefault(place.name_zh, len(slot.places))
    slot.places.append(place)
    slot.rights.append(rights.at(place, is_value=bool(steps) and steps[-1].tag == "value"))


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


def _branch(paths: dict[tuple[Step, ...], int], tests: list[Right | None]) -> Branch:
    """The paths as a tree; *paths* are the steps that remain, with the slot each ends in."""
    here = Branch((paths[()],), tests[paths[()]]) if () in paths else Branch()
    firsts: dict[Step, dict[tuple[Step, ...], int]] = {}
    for steps, slot in paths.items():
        if steps:
            firsts.setdefault(steps[0], {})[steps[1:]] = slot
    for step, rest in firsts.items():
        here.ways.setdefault(step.tag, []).append((step.conditions, _branch(rest, tests)))
    return here.settle()


def _asking(ways: list[Way], join: Joins) -> Asks:
    """What an element is asked where it may lead to several branches."""
    tables: dict[tuple[bool, str, str], dict[str | None, Branch]] = {}
    asked: list[Asks] = []
    for conditions, branch in ways:
        if len(conditions) == 1 and "/" not in conditions[0].path:
            tables.setdefault(conditions[0][:3], {})[conditions[0].value] = branch
        else:
            asked.append(_all(conditions, branch))
    asked += [_table(*key, table, join) for key, table in tables.items()]
    if len(asked) == 1:
        return asked[0]
    return lambda node, parts: join([branch for ask in asked if (branch := ask(node, parts)) is not None])


def _all(conditions: tuple[Condition, ...], branch: Branch) -> Asks:
    return lambda node, _: branch if all(condition.holds(node) for condition in conditions) else None


def _table(deep: bool, path: str, attribute: str, table: dict[str | None, Branch], join: Joins) -> Asks:
    """Branches by what an element, its children or its descendants of a name say in an attribute."""

    def by_own(node: etree._Element, _: Nodes) -> Branch | None:
        return table.get(node.get(attribute))

    def by_inner(node: etree._Element, _: Nodes) -> Branch | None:
        said = {part.get(attribute) for part in node.iter(path)}
        return join([table[value] for value in said if value in table])

    def by_parts(_: etree._Element, parts: Nodes) -> Branch | None:
        said = [part.get(attribute) for part in parts if part.tag == path]
        if len(said) == 1:
            return table.get(said[0])
        return join([table[value] for value in dict.fromkeys(said) if value in table])

    return by_inner if deep else by_parts if path else by_own
