"""The journal: many messages of many senders in one durable transaction, each kept once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import psycopg
from django.db import connection, transaction
from psycopg.types.json import Jsonb

from yigong.kit.clock import now
from yigong.platform.bus.content import Content
from yigong.platform.bus.envelope import PART, Envelope, keyed, refusal, set_aside
from yigong.platform.bus.models import Endpoint

TEST = "test"  # the outcome of a message for training or debugging
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
#: what is not taken in, and what its sender calls a test, is there to be looked for: nobody carries it on, no way is
#: decided for it
ASIDE = """
update bus_message set state = 'processed', outcome = %(outcome)s, is_test = %(test)s, done_at = %(now)s,
    routed_at = %(now)s, error = %(error)s
where endpoint_id = %(endpoint)s and sender = %(sender)s and control_id = %(control)s and sha256 = %(hash)s
    and state = 'received'
"""


class Place(NamedTuple):
    """What an endpoint says of the messages that arrive there."""

    endpoint_id: int
    paths: dict[str, list[str]]  # kind of business number -> where it stands besides
    takes_tests: bool  # a test endpoint: messages of training and debugging are carried on as all others


def place(endpoint_id: int) -> Place:
    """How an endpoint is declared now."""
    return Place(endpoint_id, *Endpoint.objects.values_list("paths", "takes_tests").get(pk=endpoint_id))


def accept(endpoint_id: int, envelopes: Sequence[Envelope]) -> int:
    """Keep messages that arrived at an endpoint, see ``keep``."""
    return keep(place(endpoint_id), envelopes) if envelopes else 0


def keep(at: Place, envelopes: Sequence[Envelope]) -> int:
    """Keep messages durably; how many of them are new. When it returns, all of them are on the disk.

    A message that came before (same endpoint, sender, control id and content) is kept once; one that is not taken in is
    kept with the reason and goes nowhere, and so does a test at an endpoint that takes none. Raises DatabaseError, and then
    none of them may be acknowledged.
    """
    moment = now()
    columns = [list(column) for column in zip(*(e.rows() for e in envelopes), strict=True)]
    columns.append([PART.join(dict.fromkeys((*e.numbers(), *_declared(e, at.paths)))) for e in envelopes])
    with transaction.atomic():
        connection.ensure_connection()
        # bound by the server: bytes travel as bytes
        with psycopg.Cursor(connection.connection) as cursor:
            cursor.execute("set local synchronous_commit to on")
            cursor.execute(INSERT, [at.endpoint_id, moment, moment, moment, *columns])
            count = cursor.rowcount
            for sent, outcome, why in _aside(at, envelopes):
                cursor.execute(ASIDE, {
                    "now": moment, "outcome": outcome, "test": outcome == TEST, "error": Jsonb(why),
                    "endpoint": at.endpoint_id, "sender": sent.sender, "control": sent.control_id, "hash": sent.sha256,
                })  # fmt: skip
            return count


def _aside(at: Place, envelopes: Sequence[Envelope]) -> Iterator[tuple[Envelope, str, dict[str, str]]]:
    """What is only kept, as what and why."""
    for sent in envelopes:
        if sent.is_refused:
            yield sent, "refused", refusal(sent)
        elif sent.is_test and not at.takes_tests:
            yield sent, TEST, set_aside(sent)


def _declared(sent: Envelope, paths: dict[str, list[str]]) -> tuple[str, ...]:
    if not paths:
        return ()
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
