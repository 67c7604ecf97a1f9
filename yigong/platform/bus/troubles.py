"""Dead letters and endpoints that do not answer, gathered by cause; who has to hear of each, and when."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection, transaction
from django.db.models import Count, Max, Min
from django.utils import translation

from yigong.kit.clock import now
from yigong.kit.errors import Refused
from yigong.outbox.api import link, wanting
from yigong.platform.bus.domain import BreakerState, DeliveryState, Told, word_of
from yigong.platform.bus.models import Channel, Delivery, Endpoint, Gate, Message, MessageState, Notice, Trouble
from yigong.platform.bus.told import answer_word, told, why
from yigong.web.http import sentence
from yigong.web.marks import fact, found_institution

LOCK = 0x42555354  # one worker looks at a time
MOST = 5000  # causes of one kind, of one institution each
PLACES = {"message": "?state=dead", "delivery": "deliveries/?state=dead"}


class Key(NamedTuple):
    """A cause: what is wrong, where, whose it is (empty: of all institutions together), of which error."""

    kind: str
    endpoint_id: int
    org_code: str
    code: str


@dataclass(frozen=True, slots=True)
class Seen:
    """A cause as it stands now."""

    count: int
    newest: int
    since: datetime
    error: dict[str, Any] | None = None
    answer: str = ""

    def __add__(self, other: Seen) -> Seen:
        """Both together, with what the newer of them died of."""
        newer = max(self, other, key=lambda s: s.newest)
        return replace(newer, count=self.count + other.count, since=min(self.since, other.since))


@transaction.atomic
def look() -> int:
    """Look for causes that appeared, grew or ended, and write a notice to every channel that wants it; how many."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_try_advisory_xact_lock(%s)", [LOCK])
        if not cursor.fetchone()[0]:
            return 0
    known = {Key(t.kind, t.endpoint_id, t.org_code, t.code): t for t in Trouble.objects.all()}
    bound = set(Channel.objects.filter(active=True).values_list("org_code", flat=True))
    told_of = {key for key, t in known.items() if t.told_open}
    seen, at = _seen(bound | {key.org_code for key in told_of}), now()
    return sum(_judge(key, known.get(key), seen.get(key), at) for key in seen.keys() | told_of)


def _judge(key: Key, row: Trouble | None, seen: Seen | None, at: datetime) -> int:
    before = Told(row.told_open, row.told_at, row.newest) if row else Told()
    event = word_of(before, seen.newest if seen else None, at)
    if not event:
        return 0
    row = row or Trouble(**key._asdict(), since=at)
    row.told_open = event == "opened"
    if seen:
        row.told_at, row.newest, row.since = at, seen.newest, seen.since
    row.save()
    return _write(row, event, seen, at)


def _write(row: Trouble, event: str, seen: Seen | None, at: datetime) -> int:
    wanted = list(wanting(Channel, row.kind, row.org_code))
    letter = letter_of(row, event, seen) if wanted else {}
    made = [Notice(channel=c, trouble=row, event=event, letter=letter, due_at=at, created_at=at) for c in wanted]
    Notice.objects.bulk_create(made)
    return len(made)


def _seen(orgs: set[str]) -> dict[Key, Seen]:
    """The causes as they stand, for all institutions together and for each of *orgs*.

    An institution's are the messages it sent, and everything at its own endpoints.
    """
    found: dict[Key, Seen] = {}
    for (kind, endpoint_id, owner, code), sender, seen in (*_dead(), *_tripped()):
        for org in {"", sender, owner} & (orgs | {""}):
            key = Key(kind, endpoint_id, org, code)
            found[key] = found[key] + seen if key in found else seen
    return found


def _dead() -> Iterator[tuple[Key, str, Seen]]:
    for model, kind, state in ((Message, "message", MessageState.DEAD), (Delivery, "delivery", DeliveryState.DEAD)):
        began, sender = ("received_at", "org_code") if kind == "message" else ("created_at", "message__org_code")
        rows = list(
            model.objects.filter(state=state).order_by()
            .values("endpoint_id", "endpoint__org_code", "error__code", sender)
            .annotate(count=Count("pk"), newest=Max("pk"), since=Min(began)).order_by("-count")[:MOST]
        )  # fmt: skip
        errors = dict(model.objects.filter(pk__in=[r["newest"] for r in rows]).values_list("pk", "error"))
        for r in rows:
            key = Key(kind, r["endpoint_id"], r["endpoint__org_code"], (r["error__code"] or "")[:80])
            yield key, r[sender], Seen(r["count"], r["newest"], r["since"], errors[r["newest"]])


def _tripped() -> Iterator[tuple[Key, str, Seen]]:
    gates = Gate.objects.exclude(breaker=BreakerState.CLOSED).filter(endpoint__state="open").select_related("endpoint")
    for gate in gates[:MOST]:
        owner = gate.endpoint.org_code
        yield (
            Key("breaker", gate.pk, owner, ""),
            owner,
            Seen(gate.failures, 0, gate.answered_at or now(), answer=gate.trouble),
        )


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
    whose = fact(found_institution(row.org_code), "name", row.org_code) if row.org_code else ""
    return {
        "event": event, "title": f"[Yigong] {words[0]}：{name} / {words[1]}", "institution": " · ".join(filter(None, (whose, name))),
        "org_code": row.org_code, "endpoint": endpoint.code, "kind": row.kind, "code": row.code, "count": seen.count if seen else 0, **said, "link": link(f"/platform/bus/{place}"),
    }  # fmt: skip


def _sentence(kind: str, event: str, name: str, seen: Seen | None) -> str:
    """In the language that is on."""
    facts: dict[str, Any] = {"name": name}
    if seen:
        because = why(seen.error) if kind == "message" else told(seen.error)
        facts |= {"count": seen.count, "because": answer_word(seen.answer) if kind == "breaker" else because}
    return sentence(Refused(f"bus.{kind}_{event}", **facts))
