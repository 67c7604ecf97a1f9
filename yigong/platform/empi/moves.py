"""The log of decisions and the moves it records: each line carries exactly what it changed, so that it can be taken back."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import orjson
import polars as pl

from yigong.kit.clock import now
from yigong.kit.ctx import Ctx
from yigong.outbox.api import say
from yigong.platform.empi import bulk, questions
from yigong.platform.empi.bulk import add, do, ids
from yigong.platform.empi.clusters import Likeness
from yigong.platform.empi.events import PersonsMerged, PersonsSplit
from yigong.platform.empi.models import Decision, Person

#: what the index does by itself; all other verbs are a person's word
MACHINE = frozenset({"new", "link", "change", "ask", "join", "part"})


def number() -> int:
    """A fresh id of the log."""
    return ids("empi_decision", 1)[0]


def note(ctx: Ctx, verb: str, registration_ids: Collection[int], *, decision: int | None = None, **facts: Any) -> int:
    """One line in the log of decisions; its id, which is *decision* when that was taken before."""
    decision = decision or number()
    row = Decision(
        id=decision,
        verb=verb,
        registration_ids=sorted(registration_ids),
        by_id=ctx.actor_id,
        by_name=ctx.actor_name,
        org_code=ctx.org_code,
        at=now(),
        carried=carried(registration_ids) if facts.get("moved") else None,
        **{"act": decision, **facts},
    )
    row.save(force_insert=True)
    return row.pk


def carried(registration_ids: Collection[int]) -> dict[str, Any]:
    """What hangs on registrations now and so goes with them: ``{"documents": n, "events": {kind: n}}``."""
    return _summed(_hanging(registration_ids), registration_ids)


def _summed(hanging: dict[int, dict[str, int]], registration_ids: Collection[int]) -> dict[str, Any]:
    events: Counter[str] = Counter()
    for one in registration_ids:
        events.update(hanging.get(one, {}))
    return {"documents": events.pop("", 0), "events": dict(events)}


def _hanging(registration_ids: Collection[int]) -> dict[int, dict[str, int]]:
    """How many documents (under the empty kind) and events of each kind hang on each of these registrations."""
    found = bulk.rows(
        """select registration_id, '', count(*) from records_document where registration_id = any(%s) group by 1
           union all select registration_id, kind, count(*) from records_event where registration_id = any(%s)
           group by 1, 2""",
        [list(registration_ids)] * 2,
    )
    out: dict[int, dict[str, int]] = {}
    for registration, kind, count in found:
        out.setdefault(registration, {})[kind] = count
    return out


#: whether what is logged as arriving was known before, so that something may hang on it
_anew: ContextVar[bool] = ContextVar("anew", default=False)


@contextmanager
def arriving_anew() -> Iterator[None]:
    """Within it arrivals are of registrations that were here before: the log counts what hangs on them."""
    token = _anew.set(True)
    try:
        yield
    finally:
        _anew.reset(token)


def new_person(origin: str) -> int:
    """A person without registrations yet."""
    return Person.objects.create(origin=origin, created_at=now()).pk


def of_person(person_id: int) -> list[int]:
    """The registrations of a person, by id."""
    return [
        row[0] for row in bulk.rows("select id from empi_registration where person_id = %s order by id", [person_id])
    ]


def move(
    ctx: Ctx,
    verb: str,
    registration_ids: Collection[int],
    source: int,
    target: int,
    *,
    apart: bool = False,
    quiet: bool = False,
    **facts: Any,
) -> int:
    """Give registrations of *source* to *target*: column, log, event, answered questions; the id of the decision.

    *apart* remembers that what stays is not of the same person; *quiet* leaves the event to the caller.
    """
    decision = number()
    others = of_person(source) if apart else of_person(target)
    going = set(registration_ids)
    do("update empi_registration set person_id = %s where id = any(%s)", [target, list(going)])
    if not apart:
        pairs = questions.settle(going, others, decision)
    else:
        human = verb not in MACHINE
        pairs = questions.keep_apart(sorted(going), sorted(set(others) - going), decision) if human else []
    given = {"from_person": source, "to_person": target, "pairs": pairs, "moved": True, **facts}
    note(ctx, verb, going, decision=decision, **given)
    if not quiet:
        tell(decision, sorted(going), source, target, apart=apart)
    return decision


def tell(decision: int, registration_ids: list[int], source: int, target: int, *, apart: bool) -> None:
    """Announce a move to the other modules."""
    kind = PersonsSplit if apart else PersonsMerged
    say(kind(decision, registration_ids, source, target))


_BY_PEOPLE = """
    with recursive met (person, top) as (
        select p, p from unnest(%s::bigint[]) p
        union select d.from_person, m.top from met m join empi_decision d on d.to_person = m.person
            and d.verb in ('join', 'part') and d.from_person is not null),
    lines as (
        select m.top, d.* from met m join empi_decision d on d.to_person = m.person
            where d.verb not in ('new', 'link', 'change', 'ask', 'join', 'part')
        union all select m.top, d.* from met m join empi_decision d on d.from_person = m.person
            where d.verb not in ('new', 'link', 'change', 'ask', 'join', 'part'))
    select l.top, l.id, l.verb, l.undoes, coalesce(u.verb in ('link', 'join'), false)
        and jsonb_path_exists(l.pairs, '$[*][3] ? (@.state == "rejected")')
    from lines l left join empi_decision u on u.id = l.undoes order by l.id desc"""
_PLACING = frozenset({"confirm", "merge", "split", "mark", "reject"})


def decided_by_people(person_ids: Collection[int]) -> set[int]:
    """Those of these persons, or of what was joined to them, about whom somebody has decided who is who, and it stands."""
    if not person_ids:
        return set()
    void, out = set[int](), set[int]()
    for person, line, verb, undoes, parted in bulk.rows(_BY_PEOPLE, [bulk.array(person_ids)]):
        if line in void:
            continue
        if undoes:
            void.add(undoes)
        if verb in _PLACING or parted:
            out.add(person)
    return out


def absorb(ctx: Ctx, source: int, target: int, *, act: int, why: Likeness | None = None, quiet: bool = False) -> int:
    """All registrations of *source* go to *target*, because of a likeness that decides by itself."""
    facts: dict[str, Any] = {"score": why.score, "anchor_id": why.left} if why else {}
    return move(ctx, "join", of_person(source), source, target, reason="auto", act=act, quiet=quiet, **facts)


def offer(ctx: Ctx, found: Collection[questions.Asked], *, act: int) -> int:
    """Ask about pairs that have not been asked about, with a line in the log for each; how many."""
    asked = questions.offer(found)
    if not asked:
        return 0
    log_many(
        ctx,
        [
            {
                "verb": "ask",
                "registration_ids": json.dumps(change[:2]),
                "from_person": one,
                "to_person": other,
                "score": (change[3] or {})["score"],
                "pairs": json.dumps([change]),
            }
            for one, other, change in asked
        ],
        act=act,
    )
    return len(asked)


#: columns that are given as JSON text
_TEXTS = frozenset({"registration_ids", "pairs", "changed"})
_LINE = {
    "verb": pl.String, "registration_ids": pl.String, "from_person": pl.Int64, "to_person": pl.Int64,
    "score": pl.Float64, "anchor_id": pl.Int64, "pairs": pl.String, "moved": pl.Boolean, "changed": pl.String,
}  # fmt: skip


#: on a registration that has just arrived nothing hangs
_NOTHING = '{"documents": 0, "events": {}}'
#: so many lines are written as one parameter sooner than as a frame
FEW = 100
_NAMES = "verb, registration_ids, from_person, to_person, score, anchor_id, pairs, moved, changed, states, carried, by_id, by_name, org_code, at, reason, act"
LOG_FEW = f"""insert into empi_decision ({_NAMES})
    select {_NAMES} from json_populate_recordset(null::empi_decision, %s::json)"""


def few_lines(ctx: Ctx, rows: Collection[dict[str, Any]], *, act: int) -> str:
    """A few lines of the log, as :func:`log_many` takes them, for the parameter of LOG_FEW."""
    same = {
        "moved": False, "pairs": "[]", "states": [], "by_id": ctx.actor_id,
        "by_name": ctx.actor_name, "org_code": ctx.org_code, "at": now(), "reason": "", "act": act,
    }  # fmt: skip
    hanging = _carried_by(row["registration_ids"] for row in rows)
    lines = [{**same, "carried": orjson.Fragment(hung), **row} for row, hung in zip(rows, hanging, strict=True)]
    for line in lines:
        for name in _TEXTS.intersection(line):
            line[name] = orjson.Fragment(line[name])
    return orjson.dumps(lines).decode()


def _carried_by(registration_ids: Iterable[str]) -> list[str]:
    """What goes with each line, as JSON text; *registration_ids* are JSON lists."""
    if not _anew.get():
        return [_NOTHING for _line in registration_ids]
    lines = [json.loads(line) for line in registration_ids]
    hanging = _hanging({one for line in lines for one in line})
    return [json.dumps(_summed(hanging, line)) for line in lines]


def log_many(ctx: Ctx, rows: list[dict[str, Any]] | dict[str, list[Any]], *, act: int) -> None:
    """Many lines in the log at once, as rows or as columns; each gives some of: verb, registration_ids, pairs, changed
    (JSON text), from_person, to_person, score, anchor_id, moved."""
    if isinstance(rows, list) and len(rows) <= FEW:
        bulk.do(LOG_FEW, [few_lines(ctx, rows, act=act)])
        return
    frame = pl.DataFrame(rows, schema_overrides=_LINE, infer_schema_length=None)
    missing = [pl.lit(None, kind).alias(name) for name, kind in _LINE.items() if name not in frame.columns]
    frame = frame.with_columns(missing).with_columns(
        pl.col("pairs").fill_null("[]"),
        pl.col("moved").fill_null(value=False),
        pl.lit("[]").alias("states"),
        pl.Series("carried", _carried_by(frame.get_column("registration_ids")), dtype=pl.String),
        pl.lit(ctx.actor_id).alias("by_id"),
        pl.lit(ctx.actor_name).alias("by_name"),
        pl.lit(ctx.org_code).alias("org_code"),
        pl.lit(now()).alias("at"),
        pl.lit("").alias("reason"),
        pl.lit(act).alias("act"),
    )
    add("empi_decision", frame)
