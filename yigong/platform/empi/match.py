"""Whom facts may be of: the registered persons that resemble them, scored and banded as registering would; writes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection

from yigong.kit.ctx import Ctx
from yigong.platform.empi import alike, matching, rules, stored
from yigong.platform.empi.alike import Facts, Key, Question
from yigong.security.api import persons_in_reach

#: the columns of a neighbour before its facts
HEAD = ("n", "registration_id", "person_id", "org_code", "source_system", "local_id")


@dataclass(frozen=True, slots=True)
class Match:
    """A person that facts may be of."""

    person_id: int
    registration_id: int  # the one most alike
    org_code: str
    source_system: str
    local_id: str
    score: float  # bits
    probability: float  # 0 to 1, what the score says of being one person
    band: str  # auto: the same by the model's own threshold; review: a person would be asked; none: alike, no more


def match(ctx: Ctx, facts: Mapping[str, Any], *, count: int = 10, least: str = "review") -> list[Match]:
    """The persons within reach that *facts* (names of REGISTRATION) may be of, likeliest first, at most *count*.

    *least* is the lowest band answered (``auto review none``). Names that are no facts are passed over.
    """
    asked = alike.question(facts, rules.model())
    reach = persons_in_reach(ctx, "r.person_id")
    sql = neighbours_sql("unnest(%(n)s::int[], %(rule)s::smallint[], %(key)s::bigint[]) u (n, rule, key)", reach.sql)
    with connection.cursor() as cursor:
        cursor.execute(sql, {**key_arrays([(0, asked.keys)]), **reach.params})
        found = cursor.fetchall()
    return judge(asked, found, matching.thresholds(), count=count, least=least)


def key_arrays(asked: Iterable[tuple[int, Sequence[Key]]]) -> dict[str, str]:
    """The blocks of numbered questions as three arrays in PostgreSQL's writing."""
    lines = [(n, one.rule, one.key) for n, keys in asked for one in keys]
    columns = zip(*lines, strict=True) if lines else ((), (), ())
    return {
        name: "{" + ",".join(map(str, column)) + "}" for name, column in zip(("n", "rule", "key"), columns, strict=True)
    }


def neighbours_sql(asked: str, reach: str) -> str:
    """The registrations that share a block with a question: HEAD, then the facts.

    *asked* is a source of ``u (n, rule, key)``; *reach* a condition on ``r``. Of a block too large only the first are met,
    as in registering. The registration is fetched by its key, whatever the planner thinks of the number of blocks.
    """
    return f"""select c.n, r.id, r.person_id, r.org_code, r.source_system, r.local_id, {alike.COLUMNS} from (
            select distinct u.n, x.id from {asked}
            cross join lateral (select array_agg(f.registration_id) as ids from (
                select b.registration_id from empi_block b where b.key = u.key and b.rule = u.rule
                order by b.registration_id limit {stored.CAP + 1}) f) l
            cross join lateral unnest(case when cardinality(l.ids) > {stored.CAP}
                then l.ids[1:{stored.FIRST_OF_CAPPED}] else l.ids end) x (id)) c
        cross join lateral (select * from empi_registration t where t.id = c.id offset 0) r where {reach}"""


def judge(
    asked: Question,
    found: Sequence[tuple[Any, ...]],
    bounds: tuple[float, float],
    *,
    count: int = 10,
    least: str = "review",
) -> list[Match]:
    """The persons behind neighbours (rows of :func:`neighbours_sql`), likeliest first, each by its most alike registration."""
    return ranked(judged([(asked, found)], bounds)[0], found, count=count, least=least)


def judged(
    asked: Sequence[tuple[Question, Sequence[tuple[Any, ...]]]], bounds: tuple[float, float]
) -> list[list[tuple[float, str]]]:
    """Bits and band of each question's neighbours."""
    known = [(one, [Facts(*row[len(HEAD) :]) for row in found]) for one, found in asked]
    return alike.scores_of(known, rules.model(), bounds)


def ranked(
    told: Sequence[tuple[float, str]], found: Sequence[tuple[Any, ...]], *, count: int, least: str
) -> list[Match]:
    """The persons behind judged neighbours."""
    bands = ("auto", "review", "none")
    wanted = bands[: bands.index(least) + 1]
    order = sorted((-bits, row[1], band, row) for (bits, band), row in zip(told, found, strict=True) if band in wanted)
    best: dict[int, Match] = {}
    for minus, registration, band, row in order:
        if row[2] not in best:
            best[row[2]] = Match(row[2], registration, row[3], row[4], row[5], -minus, _probability(-minus), band)
    return list(best.values())[:count]


def _probability(bits: float) -> float:
    return float(1 / (1 + 2 ** -max(-60.0, min(60.0, bits))))
