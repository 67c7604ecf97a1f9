"""What the exchange forgets: the content of settled rows of quarantine, and old lines of logs. In batches, each its own transaction.

Accounts, batches, findings and who did what stay: reconciliation and the cause of a failing row are told from them.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import connection, transaction

from yigong.kit.clock import now
from yigong.kit.ctx import Ctx
from yigong.security.api import audit

SETTLED = timedelta(days=180)  # content of rows that were sent again, followed or given up, since then
LOGS = timedelta(days=400)  # lines of logs; at least six months are asked for
BATCH = 5000
#: the row itself stays with rule and outcome: its digest says that what the source sends again is settled
_EMPTY = """
update exchange_quarantine set raw = '{}', reasons = '[]', mended = case when mended is null then null else '{}'::jsonb end
where id in (select id from exchange_quarantine where state in ('resent', 'followed', 'discarded') and changed_at < %s
    and raw <> '{}' order by id limit %s)"""
_LINES = "delete from exchange_log where id in (select id from exchange_log where at < %s order by id limit %s)"


def purge(ctx: Ctx) -> dict[str, int]:
    """Forget what was kept long enough; how many rows were emptied and lines removed."""
    ctx.must("exchange.run")
    moment = now()
    gone = {"rows": _all(_EMPTY, moment - SETTLED), "lines": _all(_LINES, moment - LOGS)}
    if any(gone.values()):
        audit(ctx, "exchange.run", "retention", 0, after=gone)
    return gone


def _all(sql: str, before: datetime) -> int:
    total = 0
    while True:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql, [before, BATCH])
            total += cursor.rowcount
            if cursor.rowcount < BATCH:
                return total
