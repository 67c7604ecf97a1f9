"""Random histories of an index in a small world where many resemble each other, and what can be seen of the outcome."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from datetime import date
from typing import Any

import polars as pl
from django.db import connection

from yigong.kit.ctx import Ctx, system
from yigong.kit.errors import Refused
from yigong.platform.empi import api, services
from yigong.platform.empi.domain import MARKS
from yigong.platform.empi.models import Candidate, Decision, Registration
from yigong.platform.empi.tests.test_register import number, partition, rows


class Rolled(Exception):
    """Ends an example: nothing of it stays."""


def clerk(place: int) -> Ctx:
    """One of two reviewers."""
    return replace(system(), actor_id=place, actor_name=f"专员{place}")


def some_frame(dice: random.Random, *, ids: range = range(30), most: int = 4) -> pl.DataFrame:
    """A few registrations out of a small world in which many resemble each other."""
    names = ["王秀兰", "王秀蓝", "李四", "赵桂兰"]
    births = ["19590304", "19620811"]
    people = [(n, b, k) for n in names for b in births for k in (1, 2)]
    return rows(
        *(
            {
                "local_id": str(dice.choice(ids)),
                "full_name": name,
                "born_on": None if dice.random() < 0.2 else date(int(b[:4]), int(b[4:6]), int(b[6:])),
                "id_no": number(b, k) if dice.random() < 0.5 else None,
                "phone": dice.choice(["13800000001", "13800000002", None]),
                "registered_at": f"2026-01-{dice.randrange(1, 29):02d} 08:00:00",
            }
            for name, b, k in dice.choices(people, k=dice.randrange(1, most + 1))
        )
    )


def decide_something(dice: random.Random) -> int | None:
    """Merge, split, mark, answer a question or undo at random; the id of the decision, None if it was refused."""
    groups = sorted(partition(), key=min)
    persons = {group: Registration.objects.get(pk=min(group)).person_id for group in groups}
    asked = list(Candidate.objects.filter(state__in=["open", "later", "pending"]).order_by("pk"))
    past = list(Decision.objects.order_by("pk").values_list("pk", flat=True))
    who = clerk(dice.choice((1, 2)))
    acts: list[Any] = [lambda: services.undo(who, dice.choice(past), reason="x")]
    acts.append(lambda: services.mark(who, persons[dice.choice(groups)], dice.choice(sorted(MARKS)), reason="x"))
    if len(groups) > 1:
        a, b = dice.sample(groups, 2)
        acts.append(lambda: services.merge(who, persons[a], persons[b], reason="x"))
    if parts := [g for g in groups if len(g) > 1]:
        whole = dice.choice(parts)
        some = dice.sample(sorted(whole), dice.randrange(1, len(whole)))
        acts.append(lambda: services.split(who, persons[whole], some, reason="x"))
    if asked:
        answer = dice.choice((services.confirm, services.confirm, services.reject, services.later))
        acts += [lambda: answer(who, dice.choice(asked).pk)] * 2
    try:
        return int(dice.choice(acts)())
    except Refused:
        return None


def history(dice: random.Random, length: int) -> None:
    """Registrations come, change, and are decided about."""
    api.register(system(), some_frame(dice))
    for _ in range(length):
        api.register(system(), some_frame(dice)) if dice.random() < 0.4 else decide_something(dice)


def ask(sql: str) -> list[Any]:
    """The rows of a query."""
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall())


def seen() -> dict[str, Any]:
    """Who is who, every golden record, every pair and every mark, told by local ids: the same whatever numbers were given."""
    local = dict(ask("select id, local_id from empi_registration"))
    of: dict[int, set[str]] = {}
    for one, person in ask("select id, person_id from empi_registration"):
        of.setdefault(person, set()).add(local[one])
    golden = {}
    for person, state, record in ask("select id, state, golden::text from empi_person where state <> 'merged'"):
        fields = {k: {**v, "registration_id": local[v["registration_id"]]} for k, v in json.loads(record).items()}
        golden[" ".join(sorted(of[person]))] = (state, fields)
    pairs = {
        (*sorted((local[a], local[b])), state, kind, score)
        for a, b, state, kind, score in ask("select left_id, right_id, state, kind, score from empi_candidate")
    }
    marks = dict(ask("select local_id, state from empi_registration"))
    return {"persons": sorted(sorted(g) for g in of.values()), "golden": golden, "pairs": pairs, "marks": marks}


def exactly() -> list[Any]:
    """The same with all numbers as they stand, to the byte."""
    return [
        ask("select id, person_id, state from empi_registration order by id"),
        ask("select id, state, golden::text from empi_person where state <> 'merged' order by id"),
        ask("""select left_id, right_id, state, kind, risk, score, decision_id, decided_at, later_until, created_at
               from empi_candidate order by 1, 2"""),
        ask("select rule, key, registration_id from empi_block order by 1, 2, 3"),
    ]


def told_by_the_log() -> tuple[dict[int, int], dict[tuple[int, int], str], dict[int, str]]:
    """Person of each registration, state of each pair and mark, from the lines of the log alone."""
    person: dict[int, int] = {}
    pairs: dict[tuple[int, int], str] = {}
    marks: dict[int, str] = {}
    for line in Decision.objects.order_by("pk"):
        if line.moved:
            person |= dict.fromkeys(line.registration_ids, int(line.to_person or 0))
        for left, right, _, after in line.pairs:
            pairs.pop((left, right), None)
            if after:
                pairs[left, right] = after["state"]
        marks |= {registration: after for registration, _, after in line.states}
    return person, pairs, marks
