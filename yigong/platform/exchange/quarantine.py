"""Keeps rows that were not let in, and lets them be mended, sent again or given up."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db import connection, transaction

from yigong.kit.clock import now
from yigong.kit.ctx import Ctx
from yigong.kit.errors import Refused
from yigong.platform.exchange.models import Quarantined, RowState
from yigong.platform.exchange.selectors import feeds
from yigong.platform.exchange.stages import Rejected
from yigong.security.api import audit

OPEN = (RowState.WAITING, RowState.MENDED)
#: a row that comes again brings its newest reasons. What a person decided stays: mended rows that went in, rows given up.
#: A row that went in as it was, or whose key went in later, and that the source sends again unfit, waits anew.
_KEEP = """
insert into exchange_quarantine
    (feed_id, job_id, data_set, org_code, place, raw, reasons, rule, digest, state, created_at, changed_at)
select %(feed)s, %(job)s, r.data_set, r.org_code, r.place, r.raw::jsonb, r.reasons::jsonb, r.rule, r.digest,
    'waiting', %(now)s, %(now)s
from unnest(%(data_set)s::text[], %(org_code)s::text[], %(place)s::text[], %(raw)s::text[], %(reasons)s::text[],
    %(rule)s::text[], %(digest)s::bigint[]) as r(data_set, org_code, place, raw, reasons, rule, digest)
on conflict (feed_id, digest) do update set job_id = excluded.job_id, reasons = excluded.reasons,
    rule = excluded.rule, place = excluded.place, raw = excluded.raw, state = 'waiting',
    changed_at = case when exchange_quarantine.state = 'waiting' then exchange_quarantine.changed_at else excluded.changed_at end
where exchange_quarantine.state = 'waiting'
    or (exchange_quarantine.state in ('followed', 'resent') and exchange_quarantine.mended is null
        and not exists (select 1 from exchange_job j where j.id = excluded.job_id and j.kind in ('buffer', 'resend')))
"""


def keep(feed_id: int, job_id: int, rows: Sequence[Rejected]) -> None:
    """Put rows into quarantine, each once however often the source sends it."""
    if not rows:
        return
    columns = {
        "data_set": [r.data_set for r in rows],
        "org_code": [r.org_code[:10] for r in rows],
        "place": [r.place[:300] for r in rows],
        "raw": [_json(r.raw) for r in rows],
        "reasons": [_json(r.reasons) for r in rows],
        "rule": [r.rule[:60] for r in rows],
        "digest": digests([r.raw for r in rows]),
    }
    params: dict[str, Any] = {**columns, "feed": feed_id, "job": job_id, "now": now()}
    with connection.cursor() as cursor:
        cursor.execute(_KEEP, params)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False).replace("\\u0000", "")


def digests(raws: Iterable[Mapping[str, Any]]) -> list[int]:
    """A number for each raw row; of equal rows in one batch each has its own."""
    seen: Counter[str] = Counter()
    found = []
    for raw in raws:
        text = json.dumps(raw, ensure_ascii=False, sort_keys=True)
        seen[text] += 1
        full = f"{text}#{seen[text]}" if seen[text] > 1 else text
        found.append(int.from_bytes(hashlib.blake2b(full.encode(), digest_size=8).digest(), "big", signed=True))
    return found


@transaction.atomic
def mend(ctx: Ctx, row_id: int, raw: Mapping[str, Any]) -> Quarantined:
    """Write down the corrected row; it goes in when it is sent again. Raises Refused when it is settled."""
    ctx.must("exchange.mend")
    row = _open_row(ctx, row_id)
    before = row.mended or row.raw
    changed = sorted(k for k in {*before, *raw} if before.get(k) != raw.get(k))
    row.mended, row.state, row.changed_at = dict(raw), RowState.MENDED, now()
    row.acts = [*row.acts, _act(ctx, "mend", ", ".join(changed))]
    row.save(update_fields=["mended", "state", "changed_at", "acts"])
    audit(ctx, "exchange.mend", "quarantine", row_id, after={"columns": changed})
    return row


@transaction.atomic
def discard(ctx: Ctx, row_ids: Sequence[int], reason: str) -> int:
    """Give rows of feeds in reach up, with a reason; how many. They stay readable, and restore takes it back."""
    ctx.must("exchange.mend")
    if not reason.strip():
        raise Refused("exchange.reason_missing")
    open_rows = Quarantined.objects.filter(id__in=row_ids, state__in=OPEN, feed__in=feeds(ctx))
    ids = list(open_rows.select_for_update(of=("self",)).order_by("pk").values_list("pk", flat=True))
    with connection.cursor() as cursor:
        cursor.execute(
            """update exchange_quarantine set state = 'discarded', changed_at = %s, acts = acts || %s::jsonb
               where id = any(%s)""",
            [now(), json.dumps([_act(ctx, "discard", reason.strip())]), ids],
        )
    audit(ctx, "exchange.mend", "quarantine", "", after={"discarded": reason, "rows": ids})
    return len(ids)


@transaction.atomic
def restore(ctx: Ctx, row_id: int, reason: str) -> Quarantined:
    """Take back that a row was given up: it waits again, mended where it was. Raises Refused when it was not given up."""
    ctx.must("exchange.mend")
    if not reason.strip():
        raise Refused("exchange.reason_missing")
    row = _row(ctx, row_id)
    if row.state != RowState.DISCARDED or not row.raw:
        raise Refused("exchange.row_settled", state=row.get_state_display())
    row.state, row.changed_at = (RowState.MENDED if row.mended else RowState.WAITING), now()
    row.acts = [*row.acts, _act(ctx, "restore", reason.strip())]
    row.save(update_fields=["state", "changed_at", "acts"])
    audit(ctx, "exchange.mend", "quarantine", row_id, after={"restored": reason})
    return row


def _act(ctx: Ctx, verb: str, reason: str) -> dict[str, str]:
    return {"verb": verb, "by": ctx.actor_name, "at": now().isoformat(), "reason": reason[:300]}


def _row(ctx: Ctx, row_id: int) -> Quarantined:
    row = Quarantined.objects.select_for_update(of=("self",)).filter(id=row_id, feed__in=feeds(ctx)).first()
    if row is None:
        raise Refused("exchange.row_unknown", id=row_id)
    return row


def _open_row(ctx: Ctx, row_id: int) -> Quarantined:
    row = _row(ctx, row_id)
    if row.state not in OPEN:
        raise Refused("exchange.row_settled", state=row.get_state_display())
    return row
