"""Taking decisions back. What people decided is unmade exactly, and what came since is decided again as if it had never been.

A line of the log carries what it changed: registrations moved from one person to another, pairs, states. Taking a
person's decision back makes the inverse of its lines, after the inverse of every line of the machine since then that
concerns the same persons; then what had arrived comes again, in the order in which it came (ADR 8).
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from yigong.kit.ctx import Ctx
from yigong.kit.errors import Refused
from yigong.platform.empi import bulk, golden, moves, questions, register
from yigong.platform.empi.bulk import ask, do
from yigong.platform.empi.models import Decision
from yigong.platform.empi.moves import MACHINE

#: so many registrations that merely resemble the persons concerned are decided again; beyond, only those that joined them
_NEAR = 300
_ARRIVALS = ("new", "link")


@dataclass(slots=True)
class Line:
    """One line of the log."""

    id: int
    verb: str
    act: int
    registration_ids: list[int]
    source: int | None
    target: int | None
    moved: bool
    undoes: int | None
    pairs: list[Any]
    states: list[Any]
    undone_verb: str  # of the line that this one takes back

    @property
    def persons(self) -> set[int]:
        """The persons it concerns."""
        return {one for one in (self.source, self.target) if one}


_LINE = """d.id, d.verb, d.act, d.registration_ids::text, d.from_person, d.to_person, d.moved, d.undoes, d.pairs::text,
    d.states::text, coalesce((select u.verb from empi_decision u where u.id = d.undoes), '')"""


def _lines(condition: str, params: list[Any]) -> list[Line]:
    rows = ask(
        f"select {_LINE} from empi_decision d where {condition} order by d.id",
        params,
        {
            "id": pl.Int64, "verb": pl.String, "act": pl.Int64, "regs": pl.String, "source": pl.Int64,
            "target": pl.Int64, "moved": pl.Boolean, "undoes": pl.Int64, "pairs": pl.String, "states": pl.String,
            "undone_verb": pl.String,
        },
    )  # fmt: skip
    return [
        Line(id_, verb, act, json.loads(regs), source, target, moved, undoes, json.loads(pairs), json.loads(states), of)
        for id_, verb, act, regs, source, target, moved, undoes, pairs, states, of in rows.rows()
    ]


@dataclass(slots=True)
class Since:
    """What happened after a decision to the persons it concerns."""

    decision: int
    persons: set[int]
    lines: dict[int, Line] = field(default_factory=dict)

    def grow(self, persons: Iterable[int]) -> None:
        """Take in these persons, and every person that the machine has brought together with them since.

        Raises Refused empi.moved_since when a person has decided about one of them since.
        """
        asked: set[int] = set()
        wanted = self.persons | set(persons)
        while wanted - asked:
            asked |= wanted
            for line in self._standing(wanted):
                if line.verb not in MACHINE:
                    raise Refused("empi.moved_since", verb=line.verb, decision=line.id)
                self.lines[line.id] = line
                wanted |= line.persons
        self.persons = wanted

    def _standing(self, persons: set[int]) -> list[Line]:
        """Later lines about these persons; a line and the one that took it back are both left out."""
        found = _lines(
            "d.id > %s and (d.from_person = any(%s) or d.to_person = any(%s))",
            [self.decision, list(persons), list(persons)],
        )
        void = {line.undoes for line in found if line.undoes and line.undoes > self.decision}
        return [one for one in found if one.id not in void and (one.undoes or 0) <= self.decision]

    def take_near(self) -> None:
        """Take in what arrived since and was compared with these persons, even where nothing came of it."""
        tried: set[int] = set()
        while near := self._arrived_near() - tried:
            tried |= near
            if len(tried) > _NEAR:
                return
            for person in sorted(near):
                self._try(person)

    def _try(self, person: int) -> None:
        kept = set(self.persons), dict(self.lines)
        try:
            self.grow([person])
        except Refused:  # a person has decided about that one since: it stays as it is
            self.persons, self.lines = kept

    def _arrived_near(self) -> set[int]:
        """Persons of registrations that arrived or changed since and share a block with these persons."""
        found = ask(
            """select distinct n.person_id from empi_registration r
               join empi_block m on m.registration_id = r.id
               cross join lateral (select b.registration_id from empi_block b
                                   where b.key = m.key and b.rule = m.rule limit 201) s
               join empi_registration n on n.id = s.registration_id
               where r.person_id = any(%s) and n.person_id <> all(%s) and exists (
                   select 1 from empi_decision d where d.id > %s and d.verb in ('new', 'link', 'change')
                   and d.registration_ids @> to_jsonb(array[n.id]))
               limit 301""",
            [list(self.persons), list(self.persons), self.decision],
            {"person": pl.Int64},
        )
        return set(found.get_column("person").to_list())


@dataclass(slots=True)
class Restored:
    """What stood before some lines of the log, found by going through them latest first."""

    person_of: dict[int, int] = field(default_factory=dict)
    pairs: dict[questions.Pair, dict[str, Any] | None] = field(default_factory=dict)
    states: dict[int, str] = field(default_factory=dict)
    limbo: dict[int, int] = field(default_factory=dict)  # registration that is to arrive again -> act it arrived in
    again: dict[tuple[int, int], None] = field(default_factory=dict)  # (act, registration) whose facts changed in it
    homes: dict[int, int] = field(default_factory=dict)  # person made for a registration in limbo
    inverse: list[tuple[Line, int | None, list[questions.Change]]] = field(default_factory=list)

    def unmake(self, line: Line) -> None:
        """Go back over one line."""
        home = self._unmove(line) if line.moved else None
        back: list[questions.Change] = [(one, other, after, before) for one, other, before, after in line.pairs]
        self.pairs |= {(one, other): after for one, other, _, after in back}
        self.states |= {registration: before for registration, before, _ in line.states}
        self.inverse.append((line, home, back))
        self._remember(line)

    def _unmove(self, line: Line) -> int:
        home = line.source or (line.target if line.verb == "new" else None)
        if home is None:
            home = self.homes[line.registration_ids[0]] = moves.new_person("register")
        self.person_of |= dict.fromkeys(line.registration_ids, int(home))
        return int(home)

    def _remember(self, line: Line) -> None:
        """What arrived in this line, or in the line that this one took back, is to arrive again, or no longer."""
        for registration in line.registration_ids:
            if line.verb in _ARRIVALS:
                self.limbo[registration] = line.act
            elif line.undone_verb in _ARRIVALS:
                self.limbo.pop(registration, None)
            elif line.verb == "change":
                self.again[line.act, registration] = None
            elif line.undone_verb == "change":
                self.again = {key: None for key in self.again if key[1] != registration}


def rewind(ctx: Ctx, decision: Decision, reason: str) -> int:
    """Take back what a person decided; the id of the decision that does it. Raises Refused empi.moved_since."""
    bulk.plan_anew()
    own = _lines("d.act = %s", [decision.pk])
    since = Since(decision.pk, set())
    since.grow({person for line in own for person in line.persons})
    since.take_near()
    lines = sorted([*own, *since.lines.values()], key=lambda line: -line.id)
    before = _persons(line.registration_ids for line in lines)
    back = Restored()
    for line in lines:
        back.unmake(line)
    undone = _write(ctx, back, decision.pk, reason)
    golden.refresh(since.persons | set(back.homes.values()))
    _come_again(ctx, back)
    _tidy(back)
    _tell(undone, before)
    return undone


def _persons(groups: Iterable[Collection[int]]) -> dict[int, int]:
    wanted = sorted({one for group in groups for one in group})
    rows = ask(
        "select id, person_id from empi_registration where id = any(%s)",
        [wanted],
        {"id": pl.Int64, "person": pl.Int64},
    )
    return dict(rows.rows())


def _write(ctx: Ctx, back: Restored, decision: int, reason: str) -> int:
    """Columns, pairs, states, and a line of the log for each line unmade; the one of *decision* names the act."""
    do(
        """update empi_registration r set person_id = u.person
           from unnest(%s::bigint[], %s::bigint[]) u (id, person) where r.id = u.id""",
        [list(back.person_of), list(back.person_of.values())],
    )
    do(
        """update empi_registration r set state = u.state
           from unnest(%s::bigint[], %s::text[]) u (id, state) where r.id = u.id""",
        [list(back.states), list(back.states.values())],
    )
    do("delete from empi_block where registration_id = any(%s)", [list(back.limbo)])
    questions.put(back.pairs)
    numbers = bulk.ids("empi_decision", len(back.inverse))
    act = next(n for n, (line, _, _) in zip(numbers, back.inverse, strict=True) if line.id == decision)
    for n, (line, home, pairs) in zip(numbers, back.inverse, strict=True):
        facts = {"from_person": line.target, "to_person": line.source} if not line.moved else {}
        facts |= {"from_person": line.target, "to_person": home} if line.moved else {}
        said = reason if line.id == decision else "auto"
        states = [[registration, after, was] for registration, was, after in line.states]
        moves.note(
            ctx, "undo", line.registration_ids, decision=n, act=act, undoes=line.id, moved=line.moved, pairs=pairs,
            states=states, reason=said, **facts,
        )  # fmt: skip
    return act


def _come_again(ctx: Ctx, back: Restored) -> None:
    """What arrived or changed since does so again, act by act."""
    acts = sorted({*back.limbo.values(), *(act for act, _ in back.again)})
    with moves.arriving_anew():
        for act in acts:
            new = {one for one, of in back.limbo.items() if of == act}
            changed = {one for of, one in back.again if of == act and one not in new}
            register.again(ctx, act, new, changed)


def _tidy(back: Restored) -> None:
    do(
        """delete from empi_person p where p.id = any(%s)
           and not exists (select 1 from empi_registration r where r.person_id = p.id)""",
        [list(back.homes.values())],
    )


def _tell(decision: int, before: dict[int, int]) -> None:
    """One announcement for all registrations that in the end went from one person to another."""
    after = _persons([before])
    went: dict[tuple[int, int], list[int]] = {}
    for one, person in after.items():
        if person != before[one]:
            went.setdefault((before[one], person), []).append(one)
    for (source, target), gone in sorted(went.items()):
        moves.tell(decision, sorted(gone), source, target, apart=bool(moves.of_person(source)))


def part(ctx: Ctx, decision: Decision, reason: str) -> int:
    """Take back what the machine joined: it goes, with what came because of it, and stays apart from then on.

    Raises Refused empi.moved_since when what was joined is together no longer.
    """
    moved = set(decision.registration_ids)
    held = _persons([moved])
    here = next(iter(held.values()))
    rest = set(moves.of_person(here)) - moved
    if set(held.values()) != {here} or not rest:
        raise Refused("empi.moved_since", verb=decision.verb, decision=decision.pk)
    going = _with_followers(moved, here, decision.pk)
    home = decision.from_person
    if not home or moves.of_person(home) or home == here:
        home = moves.new_person("split")
    undone = moves.move(ctx, "undo", going, here, home, apart=True, undoes=decision.pk, reason=reason)
    golden.refresh([here, home])
    return undone


def _with_followers(moved: set[int], here: int, decision: int) -> set[int]:
    """What was linked to *here* later because it is like something moved; what would be left is never nothing."""
    rows = ask(
        """select (d.registration_ids->>0)::bigint, d.anchor_id from empi_decision d
           where d.to_person = %s and d.verb = 'link' and d.id > %s order by d.id""",
        [here, decision],
        {"registration": pl.Int64, "anchor": pl.Int64},
    )
    going, present = set(moved), set(moves.of_person(here))
    for registration, anchor in rows.rows():
        if anchor in going and registration in present and len(present - going) > 1:
            going.add(registration)
    return going
