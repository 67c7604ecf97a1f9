"""Dead letters and endpoints that do not answer, gathered by cause; who has to hear of each, and when."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Count, Max, Min
from django.utils import translation

from yigong.kit.clock import now
from yigong.kit.errors import Refused
from yigong.platform.bus.domain import BreakerState, DeliveryState, Told, word_of
from yigong.platform.bus.models import Channel, Delivery, Endpoint, Gate, Message, MessageState, Notice, Trouble
from yigong.platform.bus.told import answer_word, told, why
from yigong.web.http import sentence

LOCK = 0x42555354  # one worker looks at a time
MOST = 200  # causes of one kind
Key = tuple[str, int, str]  # kind, endpoint, code
PLACES = {"message": "?state=dead", "delivery": "deliveries/?state=dead"}


@dataclass(frozen=True, slots=True)
class Seen:
    """A cause as it stands now."""

    count: int
    newest: int
    since: datetime
    error: dict[str, Any] | None = None
    answer: str = ""


@transaction.atomic
def look() -> int:
    """Look for causes that appeared, grew or ended, and write a notice to every channel that wants it; how many."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_try_advisory_xact_lock(%s)", [LOCK])
        if not cursor.fetchone()[0]:
            return 0
    seen, at = dict(_seen()), now()
    known = {(t.kind, t.endpoint_id, t.code): t for t in Trouble.objects.all()}
    made = 0
    for key in seen.keys() | {k for k, t in known.items() if t.told_open}:
        made += _judge(key, known.get(key), seen.get(key), at)
    return made


def _judge(key: Key, row: Trouble | None, seen: Seen | None, at: datetime) -> int:
    before = Told(row.told_open, row.told_at, row.newest) if row else Told()
    event = word_of(before, seen.newest if seen else None, at)
    if not event:
        return 0
    kind, endpoint_id, code = key
    row = row or Trouble(kind=kind, endpoint_id=endpoint_id, code=code, since=at)
    row.told_open = event == "opened"
    if seen:
        row.told_at, row.newest, row.since = at, seen.newest, seen.since
    row.save()
    return _write(row, event, seen, at)


def _write(row: Trouble, event: str, seen: Seen | None, at: datetime) -> int:
    wanted = [c for c in Channel.objects.filter(active=True) if not c.kinds or row.kind in c.kinds]
    letter = letter_of(row, event, seen) if wanted else {}
    made = [Notice(channel=c, trouble=row, event=event, letter=letter, due_at=at, created_at=at) for c in wanted]
    Notice.objects.bulk_create(made)
    return len(made)


def _seen() -> Iterator[tuple[Key, Seen]]:
    for model, kind, state in ((Message, "message", MessageState.DEAD), (Delivery, "delivery", DeliveryState.DEAD)):
        began = "received_at" if kind == "message" else "created_at"
        rows = list(
            model.objects.filter(state=state).order_by().values("endpoint_id", "error__code")
            .annotate(count=Count("pk"), newest=Max("pk"), since=Min(began)).order_by("-count")[:MOST]
        )  # fmt: skip
        errors = dict(model.objects.filter(pk__in=[r["newest"] for r in rows]).values_list("pk", "error"))
        for r in rows:
            found = Seen(r["count"], r["newest"], r["since"], errors[r["newest"]])
            yield (kind, r["endpoint_id"], (r["error__code"] or "")[:80]), found
    tripped = Gate.objects.exclude(breaker=BreakerState.CLOSED).filter(endpoint__state="open")
    for gate in tripped[:MOST]:
        yield ("breaker", gate.pk, ""), Seen(gate.failures, 0, gate.answered_at or now(), answer=gate.trouble)


def letter_of(row: Trouble, event: str, seen: Seen | None) -> dict[str, Any]:
    """What is said of a trouble: endpoint, how many since when, of what, in both languages, where to look."""
    endpoint = Endpoint.objects.get(pk=row.endpoint_id)
    name = endpoint.name or endpoint.code
    said: dict[str, str] = {}
    for language, key in (("zh-hans", "zh"), ("en", "en")):
        with translation.override(language):
            said[key] = _sentence(row.kind, event, name, seen)
    words = ("告警", "alarm") if event == "opened" else ("告警解除", "alarm over")
    place = PLACES.get(row.kind, f"endpoints/{row.endpoint_id}/")
    return {
        "event": event, "title": f"[Yigong] {words[0]}：{name} / {words[1]}", "institution": name, "endpoint": endpoint.code,
        "kind": row.kind, "code": row.code, "count": seen.count if seen else 0, **said,
        "link": f"{settings.CSRF_TRUSTED_ORIGINS[0]}/platform/bus/{place}",
    }  # fmt: skip


def _sentence(kind: str, event: str, name: str, seen: Seen | None) -> str:
    """In the language that is on."""
    facts: dict[str, Any] = {"name": name}
    if seen:
        because = why(seen.error) if kind == "message" else told(seen.error)
        facts |= {"count": seen.count, "because": answer_word(seen.answer) if kind == "breaker" else because}
    return sentence(Refused(f"bus.{kind}_{event}", **facts))
