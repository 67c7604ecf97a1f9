"""The journal: many messages of many senders in one durable transaction, each kept once."""

from __future__ import annotations

from collections.abc import Sequence

import psycopg
from django.db import connection, transaction
from psycopg.types.json import Jsonb

from yigong.kit.clock import now
from yigong.platform.bus.content import Content
from yigong.platform.bus.envelope import PART, Envelope, keyed, refusal
from yigong.platform.bus.models import Endpoint

COLUMNS = "raw, sha256, sender, control_id, kind, charset, org_code, local_id, order_no, partition_key"
#: the arrays travel in binary form (%b): as text every byte of a message would be written twice and escaped
#: rows with equal keys inside one statement meet the constraint as rows of two statements do; while no route is active
#: there is nothing to decide, and a message is not touched again for it
INSERT = f"""
insert into bus_message
    (endpoint_id, direction, {COLUMNS}, keys, received_at, due_at, state, attempts, outcome, routed_at)
select %s, 'in', {COLUMNS}, string_to_array(keys, E'\\x1f'), %s, %s, 'received', 0, '',
    case when exists (select 1 from bus_route where state = 'active') then null else %s end
from unnest(%b::bytea[], %b::text[], %b::text[], %b::text[], %b::text[], %b::text[], %b::text[], %b::text[],
            %b::text[], %b::text[], %b::text[]) as sent ({COLUMNS}, keys)
on conflict on constraint bus_message_once do nothing
"""
#: what is not taken in is there to be looked for: nobody carries it on, no way is decided for it
REFUSED = """
update bus_message set state = 'processed', outcome = 'refused', done_at = %(now)s, routed_at = %(now)s, error = %(error)s
where endpoint_id = %(endpoint)s and sender = %(sender)s and control_id = %(control)s and sha256 = %(hash)s
    and state = 'received'
"""


def accept(endpoint_id: int, envelopes: Sequence[Envelope]) -> int:
    """Keep messages durably; how many of them are new. When it returns, all of them are on the disk.

    A message that came before (same endpoint, sender, control id and content) is kept once; one that is not taken in is
    kept with the reason and goes nowhere. Raises DatabaseError, and
    then none of them may be acknowledged.
    """
    if not envelopes:
        return 0
    moment = now()
    columns = [list(column) for column in zip(*(e.rows() for e in envelopes), strict=True)]
    columns.append(_numbers(endpoint_id, envelopes))
    with transaction.atomic():
        connection.ensure_connection()
        # bound by the server: bytes travel as bytes
        with psycopg.Cursor(connection.connection) as cursor:
            cursor.execute("set local synchronous_commit to on")
            cursor.execute(INSERT, [endpoint_id, moment, moment, moment, *columns])
            count = cursor.rowcount
            for refused in (e for e in envelopes if e.is_refused):
                cursor.execute(REFUSED, {
                    "now": moment, "error": Jsonb(refusal(refused)), "endpoint": endpoint_id,
                    "sender": refused.sender, "control": refused.control_id, "hash": refused.sha256,
                })  # fmt: skip
            return count


def _numbers(endpoint_id: int, envelopes: Sequence[Envelope]) -> list[str]:
    """The business numbers of each message, with those of the paths that the endpoint declares."""
    paths: dict[str, list[str]] = Endpoint.objects.values_list("paths", flat=True).get(pk=endpoint_id)
    if not paths:
        return [PART.join(e.numbers()) for e in envelopes]
    return [PART.join(dict.fromkeys((*e.numbers(), *_declared(e, paths)))) for e in envelopes]


def _declared(sent: Envelope, paths: dict[str, list[str]]) -> tuple[str, ...]:
    content = Content(sent.raw)
    return keyed((kind, v.replace(PART, "")) for kind, those in paths.items() for p in those for v in content.values(p))


def journalled(endpoint_id: int, envelope: Envelope) -> int | None:
    """The id of a message in the journal; None when it is not there."""
    key: list[int | str] = [endpoint_id, envelope.sender, envelope.control_id, envelope.sha256]
    with connection.cursor() as cursor:
        cursor.execute(
            "select id from bus_message where endpoint_id = %s and sender = %s and control_id = %s and sha256 = %s", key
        )
        found = cursor.fetchone()
    return int(found[0]) if found else None
