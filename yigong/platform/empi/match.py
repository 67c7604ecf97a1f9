"""Whom facts may be of: the registered persons that resemble them, scored and banded as registering would; writes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from yigong.kit.ctx import Ctx
from yigong.platform.empi import matching, pairs, stored
from yigong.platform.empi.frames import REGISTRATION, arrange
from yigong.platform.empi.selectors import ask_rows
from yigong.security.api import persons_in_reach

_ASKED = 0  # the id of the facts asked about, which are no registration


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

    *least* is the lowest band answered (``auto review none``). Raises Refused empi.no_such_identifier for unknown names.
    """
    scored = _scored(_frame(facts))
    order = ["auto", "review", "none"]
    kept = scored.filter(pl.col("band").is_in(order[: order.index(least) + 1]))
    best = kept.sort("score", "right", descending=[True, False]).unique("person_id_right", keep="first")
    return _told(ctx, best.sort("score", "right", descending=[True, False]), count)


def _frame(facts: Mapping[str, Any]) -> pl.DataFrame:
    given = {name: value for name, value in facts.items() if name in REGISTRATION}
    key = {"org_code": "-", "source_system": "-", "local_id": "-"}
    rows = arrange(pl.DataFrame([{**given, **key}], infer_schema_length=None))
    return matching.standardise(rows).with_columns(
        pl.lit(_ASKED, pl.Int64).alias("registration_id"), pl.lit(None, pl.Int64).alias("person_id")
    )


def _scored(asked: pl.DataFrame) -> pl.DataFrame:
    found = stored.in_blocks(matching.block_keys(asked)).get_column("registration_id").unique()
    mine = asked.select(list(stored.FACTS))
    known = stored.facts(found.to_list())
    couples = pl.DataFrame({"left": _ASKED, "right": known.get_column("registration_id")}).cast(pl.Int64)
    if couples.is_empty():
        return pl.DataFrame(
            schema={"right": pl.Int64, "person_id_right": pl.Int64, "score": pl.Float64, "band": pl.String}
        )
    facts = pl.concat([mine, known])
    return matching.score(pairs.side_by_side(couples, facts), matching.Board(facts))


def _told(ctx: Ctx, best: pl.DataFrame, count: int) -> list[Match]:
    reach = persons_in_reach(ctx, "r.person_id")
    rows = ask_rows(
        f"""select r.id, r.person_id, r.org_code, r.source_system, r.local_id from empi_registration r
            where r.id = any(%(ids)s) and {reach.sql}""",
        {"ids": best.get_column("right").to_list(), **reach.params},
    )
    held = {row["id"]: row for row in rows}
    said = [(held[r], s, b) for r, s, b in best.select("right", "score", "band").rows() if r in held][:count]
    return [
        Match(
            person_id=row["person_id"],
            registration_id=row["id"],
            org_code=row["org_code"],
            source_system=row["source_system"],
            local_id=row["local_id"],
            score=score,
            probability=1 / (1 + 2 ** -max(-60.0, min(60.0, score))),
            band=band,
        )
        for row, score, band in said
    ]
