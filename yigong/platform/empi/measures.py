"""How well the index decides, from what people said of pairs; each share with numerator, denominator and window."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from yigong.kit.clock import now, today
from yigong.kit.ctx import Ctx
from yigong.platform.empi import rules
from yigong.platform.empi.selectors import ask_rows
from yigong.security.api import persons_in_reach

#: a share out of fewer than so many is withheld
ENOUGH = 20
DAYS = 90


@dataclass(frozen=True, slots=True)
class Share:
    """A share with what it is made of; *value* is None when it is withheld."""

    name: str
    numerator: int
    denominator: int
    start: date
    end: date
    version: int

    @property
    def value(self) -> float | None:
        """The share, 0 to 1."""
        return self.numerator / self.denominator if self.denominator >= ENOUGH else None


@dataclass(frozen=True, slots=True)
class Band:
    """Reviewed pairs of a range of scores: how many a person found to be one."""

    low: float
    high: float
    same: int
    reviewed: int


def shares(ctx: Ctx, *, days: int = DAYS) -> list[Share]:
    """Precision: of the machine's joins, those not taken back. Recall: of all joins that stand, those the machine made.
    Agreement: of the pairs answered, those answered as the score leans. All over the last *days*.
    """
    counts = _counts(ctx, days)
    start, end, version = today() - timedelta(days=days), today(), rules.current().version
    stood = counts["made"] - counts["taken_back"]
    return [
        Share("precision", stood, counts["made"], start, end, version),
        Share("recall", stood, stood + counts["by_people"], start, end, version),
        Share("agreement", counts["as_scored"], counts["answered"], start, end, version),
    ]


def _counts(ctx: Ctx, days: int) -> dict[str, int]:
    reach = persons_in_reach(ctx, "r.person_id")
    return ask_rows(
        f"""select count(*) filter (where d.verb in ('link', 'join') and not redone) as made,
               count(*) filter (where d.verb in ('link', 'join') and not redone and by_person) as taken_back,
               count(*) filter (where d.verb in ('confirm', 'merge') and not undone) as by_people,
               count(*) filter (where d.verb in ('confirm', 'reject') and not undone) as answered,
               count(*) filter (where not undone and ((d.verb = 'confirm' and d.score >= 0)
                                or (d.verb = 'reject' and d.score < 0))) as as_scored
            from (select d.*, exists (select 1 from empi_decision u where u.undoes = d.id) as undone,
                    exists (select 1 from empi_decision u where u.undoes = d.id and u.act = u.id) as by_person,
                    exists (select 1 from empi_decision u where u.undoes = d.id and u.act <> u.id) as redone
                  from empi_decision d
                  where d.at >= %(since)s and d.verb in ('link', 'join', 'confirm', 'merge', 'reject')) d
                join empi_registration r on r.id = (d.registration_ids->>0)::bigint
            where {reach.sql}""",
        {"since": now() - timedelta(days=days), **reach.params},
    )[0]


def bands(ctx: Ctx, *, days: int = DAYS, width: float = 3.0) -> list[Band]:
    """What people said of pairs, by score."""
    reach = persons_in_reach(ctx, "r.person_id")
    rows: list[dict[str, Any]] = ask_rows(
        f"""select floor(d.score / %(width)s)::int as place, count(*) filter (where d.verb = 'confirm') as same,
               count(*) as reviewed
            from empi_decision d join empi_registration r on r.id = (d.registration_ids->>0)::bigint
            where d.at >= %(since)s and d.verb in ('confirm', 'reject') and d.score is not null and {reach.sql}
              and not exists (select 1 from empi_decision u where u.undoes = d.id) group by 1 order by 1 desc""",
        {"since": now() - timedelta(days=days), "width": width, **reach.params},
    )
    return [Band(r["place"] * width, (r["place"] + 1) * width, r["same"], r["reviewed"]) for r in rows]


def duplicates(ctx: Ctx) -> dict[str, int]:
    """How many registrations, persons and waiting pairs there are."""
    reach = persons_in_reach(ctx, "r.person_id")
    return ask_rows(
        f"""select count(*) as registrations, count(distinct r.person_id) as persons from empi_registration r
            where {reach.sql}""",
        reach.params,
    )[0]
