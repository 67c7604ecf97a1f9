"""Pairs that may be one person: asked, answered, settled. Every change tells what stood before and after, for the log."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from typing import Any

from yigong.kit.clock import now
from yigong.platform.empi import bulk

#: a split of two large groups is remembered by so many pairs; one would do, more outlive later moves
PAIRS_KEPT = 400
WAITING = ("open", "later", "pending")
#: the smaller registration id, the larger, what stood before, what stands after; null where there is no such pair
Change = tuple[int, int, dict[str, Any] | None, dict[str, Any] | None]
Pair = tuple[int, int]
#: a question: two registrations, score, kind, risk
Asked = tuple[int, int, float, str, int]

_COLUMNS = {
    "score": "float8", "kind": "text", "risk": "smallint", "state": "text", "decision_id": "bigint",
    "decided_at": "timestamptz", "later_until": "timestamptz", "created_at": "timestamptz",
}  # fmt: skip
_NAMES = ", ".join(_COLUMNS)
_TYPED = ", ".join(f"{name} {kind}" for name, kind in _COLUMNS.items())
_AS_JSON = "jsonb_build_object(" + ", ".join(f"'{name}', c.{name}" for name in _COLUMNS) + ")::text"


def ordered(one: int, other: int) -> Pair:
    """A pair as it is kept: the smaller id first."""
    return min(one, other), max(one, other)


def standing(pairs: Collection[Pair]) -> dict[Pair, dict[str, Any]]:
    """What is kept about pairs, those not kept left out."""
    found = bulk.rows(
        f"""select c.left_id, c.right_id, {_AS_JSON} from empi_candidate c
            join unnest(%s::bigint[], %s::bigint[]) u (l, r) on u.l = c.left_id and u.r = c.right_id""",
        [bulk.array(one for one, _ in pairs), bulk.array(other for _, other in pairs)],
    )
    return {(left, right): json.loads(kept) for left, right, kept in found}


def put(wanted: dict[Pair, dict[str, Any] | None]) -> list[Change]:
    """Let pairs stand as *wanted*, none for those that are to go; what changed."""
    before = standing(list(wanted))
    gone = [pair for pair, kept in wanted.items() if kept is None]
    if gone:
        bulk.do(
            """delete from empi_candidate c using unnest(%s::bigint[], %s::bigint[]) u (l, r)
               where u.l = c.left_id and u.r = c.right_id""",
            [bulk.array(one for one, _ in gone), bulk.array(other for _, other in gone)],
        )
    rows = [{"left_id": pair[0], "right_id": pair[1], **kept} for pair, kept in wanted.items() if kept is not None]
    sets = ", ".join(f"{name} = excluded.{name}" for name in _COLUMNS)
    bulk.do(
        f"""insert into empi_candidate (left_id, right_id, {_NAMES})
            select left_id, right_id, {_NAMES} from jsonb_to_recordset(%s::jsonb)
                as x (left_id bigint, right_id bigint, {_TYPED})
            on conflict (left_id, right_id) do update set {sets}""",
        [json.dumps(rows)],
    )
    return [(*pair, before.get(pair), after) for pair, after in wanted.items()]


def _moment() -> str:
    return now().isoformat()


def answer(pairs: Collection[Pair], state: str, decision_id: int, *, until: str | None = None) -> list[Change]:
    """Pairs get their answer from a decision."""
    said = {"state": state, "decision_id": decision_id, "decided_at": _moment(), "later_until": until}
    return put({pair: {**kept, **said} for pair, kept in standing(pairs).items()})


def settle(ones: Collection[int], others: Collection[int], decision_id: int) -> list[Change]:
    """Waiting questions about two registrations that a decision makes one person are answered by it."""
    found = bulk.rows(
        """select left_id, right_id from empi_candidate where state = any(%s)
               and ((left_id = any(%s) and right_id = any(%s)) or (right_id = any(%s) and left_id = any(%s)))""",
        [list(WAITING), list(ones), list(others), list(ones), list(others)],
    )
    return answer([(left, right) for left, right in found], "settled", decision_id) if found else []


def keep_apart(ones: Collection[int], others: Collection[int], decision_id: int) -> list[Change]:
    """Remember that these registrations are not of the person of those; nobody is asked about it again."""
    pairs = [ordered(a, b) for a in ones for b in others][:PAIRS_KEPT]
    known = standing(pairs)
    fresh = {"score": 0.0, "kind": "apart", "risk": 0, "created_at": _moment()}
    said = {"state": "rejected", "decision_id": decision_id, "decided_at": _moment(), "later_until": None}
    return put({pair: {**known.get(pair, fresh), **said} for pair in pairs})


def offer(found: Collection[Asked]) -> list[tuple[int, int, Change]]:
    """Ask about pairs, unless their persons have been asked about; for each question asked: the two persons, the change."""
    rows = _unasked(found) if found else []
    if not rows:
        return []
    said = {"state": "open", "decision_id": None, "decided_at": None, "later_until": None, "created_at": _moment()}
    wanted: dict[Pair, dict[str, Any] | None] = {
        (left, right): {"score": score, "kind": kind, "risk": risk, **said}
        for left, right, score, kind, risk, *_ in rows
    }
    persons = {(left, right): (one, other) for left, right, _score, _kind, _risk, one, other in rows}
    return [(*persons[change[0], change[1]], change) for change in put(wanted)]


def _unasked(found: Collection[Asked]) -> list[tuple[Any, ...]]:
    """The pair as it is kept, score, kind, risk, the two persons."""
    left, right, scores, kinds, risks = zip(*found, strict=True)
    return bulk.rows(
        """select least(u.l, u.r), greatest(u.l, u.r), u.score, u.kind, u.risk,
               case when u.l < u.r then a.person_id else b.person_id end,
               case when u.l < u.r then b.person_id else a.person_id end
           from unnest(%s::bigint[], %s::bigint[], %s::float[], %s::text[], %s::smallint[])
                   with ordinality u (l, r, score, kind, risk, place)
               join empi_registration a on a.id = u.l join empi_registration b on b.id = u.r
           where a.person_id <> b.person_id and not exists (
               select 1 from empi_registration x
                   join empi_candidate c on c.left_id = x.id
                   join empi_registration y on y.id = c.right_id and y.person_id = b.person_id
               where x.person_id = a.person_id and c.state in ('open', 'later', 'pending', 'rejected'))
           and not exists (
               select 1 from empi_registration x
                   join empi_candidate c on c.right_id = x.id
                   join empi_registration y on y.id = c.left_id and y.person_id = b.person_id
               where x.person_id = a.person_id and c.state in ('open', 'later', 'pending', 'rejected'))
           order by u.place""",
        [*map(bulk.array, (left, right, scores, kinds, risks))],
    )


def restored(changes: Iterable[Change]) -> dict[Pair, dict[str, Any] | None]:
    """What pairs stood as before these changes, given latest first."""
    return {(left, right): before for left, right, before, _ in changes}
