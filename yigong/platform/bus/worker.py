"""Carries journalled messages on: in order for each patient, again after a failure, aside after too many."""

from __future__ import annotations

import importlib
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.utils import translation

from yigong.kit.clock import now
from yigong.kit.ctx import Ctx, system
from yigong.kit.errors import Fault, Refused
from yigong.platform.bus.content import form_of
from yigong.platform.bus.models import Message, MessageState
from yigong.platform.bus.routing import route
from yigong.platform.bus.services import backoff
from yigong.web.http import sentence

log = logging.getLogger("yigong.bus")
LAST_ATTEMPT = 8
BATCH = 200
FORMATS = {"mllp": "hl7v2", "kafka": "hl7v2"}
PASSING = "passing"
#: the eldest open message of each patient; one under way in another worker is skipped with all that follow it
DUE = """
select m.id from bus_message m
where m.state in ('received', 'failed') and m.due_at <= %s and not exists (
    select 1 from bus_message b
    where b.partition_key = m.partition_key and b.id < m.id and b.state in ('received', 'failed'))
order by m.id limit %s for update of m skip locked
"""


@dataclass(frozen=True, slots=True)
class Inbound:
    """A message handed to its handler."""

    message_id: int
    raw: bytes
    org_code: str  # of the endpoint's owner; empty where each message names its institution
    kind: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a handler made of a message: a word, and why if not everything went in."""

    word: str  # loaded waiting kept
    zh: str = ""
    en: str = ""


Handler = Callable[[Ctx, Sequence[Inbound]], Sequence[Outcome]]


def handlers() -> Mapping[str, str]:
    """Format -> dotted path of its handler, from the wiring."""
    return getattr(settings, "BUS_HANDLERS", {})


def process(limit: int = BATCH) -> int:
    """Carry on what is due, at most *limit* messages; how many were tried.

    Claim, handling and outcome are one transaction: whatever ends the process, a message is carried on wholly or not.
    """
    with transaction.atomic():
        claimed = _claim(limit)
        by_format: dict[str, list[Message]] = {}
        for message in claimed:
            by_format.setdefault(_format(message), []).append(message)
        for name, theirs in by_format.items():
            _carry(name, theirs)
    return len(claimed)


def carry(message_id: int, *, again: bool = False) -> None:
    """Carry one journalled message on at once, for a sender who waits for its answer.

    One that another worker has in hand is waited for; one that is processed is left alone unless *again*.
    """
    with transaction.atomic():
        mine = Message.objects.select_related("endpoint").select_for_update(of=("self",))
        message = mine.get(pk=message_id)
        if again or message.state != MessageState.PROCESSED:
            _carry(_format(message), [message])


def _format(message: Message) -> str:
    """Whose message it is: by its endpoint, and where an endpoint takes any form by the message itself."""
    if message.endpoint.kind != "http":
        return FORMATS.get(message.endpoint.kind, message.endpoint.kind)
    form = form_of(bytes(message.raw))
    return form if form in handlers() else PASSING


def pass_on(_ctx: Ctx, messages: Sequence[Inbound]) -> list[Outcome]:
    """What no module reads is kept, and goes where its routes say."""
    return [Outcome("kept") for _ in messages]


def _claim(limit: int) -> list[Message]:
    with connection.cursor() as cursor:
        cursor.execute(DUE, [now(), limit])
        ids = [row[0] for row in cursor.fetchall()]
    return list(Message.objects.select_related("endpoint").filter(pk__in=ids).order_by("pk")) if ids else []


def _carry(name: str, messages: Sequence[Message]) -> None:
    """All together, and each by itself when one of them spoils the rest."""
    try:
        _hand(name, messages)
    except Exception as error:
        if len(messages) == 1:
            _failed(messages[0], error)
            return
        for message in messages:
            _carry(name, [message])


def _hand(name: str, messages: Sequence[Message]) -> None:
    given = [Inbound(m.pk, bytes(m.raw), m.endpoint.org_code, m.kind) for m in messages]
    with transaction.atomic():
        outcomes = _handler(name)(system(), given)
        for message, outcome in zip(messages, outcomes, strict=True):
            message.state, message.outcome, message.done_at = MessageState.PROCESSED, outcome.word, now()
            message.attempts += 1
            message.error = {"code": outcome.word, "zh": outcome.zh, "en": outcome.en} if outcome.zh else None
        Message.objects.bulk_update(messages, ["state", "outcome", "done_at", "attempts", "error"])


def _handler(name: str) -> Handler:
    if name == PASSING:
        return pass_on
    path = handlers().get(name)
    if path is None:
        raise Fault("bus.no_handler", permanent=True, format=name)
    module, _sep, function = path.partition(":")
    return getattr(importlib.import_module(module), function)  # type: ignore[no-any-return]


def _failed(message: Message, error: Exception) -> None:
    """Write down the failure; the last one, and one that trying again cannot mend, puts the message aside."""
    attempts = message.attempts + 1
    permanent = attempts >= LAST_ATTEMPT or getattr(error, "permanent", False)
    code = error.code if isinstance(error, Refused | Fault) else type(error).__name__
    log.warning("message %s: %s, attempt %s", message.pk, code, attempts)
    said = {"code": code, **_said(error, code)}
    Message.objects.filter(pk=message.pk).update(
        state=MessageState.DEAD if permanent else MessageState.FAILED,
        attempts=attempts, due_at=now() + backoff(attempts), error=said,
    )  # fmt: skip


def _said(error: Exception, code: str) -> dict[str, str]:
    """Why, in both languages; a fault of the platform itself says where to look, never content."""
    told = error if isinstance(error, Refused | Fault) else Refused("bus.internal_at", kind=code)
    refused = told if isinstance(told, Refused) else Refused(told.code, **told.facts)
    found = {}
    for language, key in (("zh-hans", "zh"), ("en", "en")):
        with translation.override(language):
            found[key] = sentence(refused)
    return found


def run(stopped: Callable[[], bool], *, pause: float = 0.2) -> None:
    """Carry messages on until told to stop; a database that is away is waited for."""
    while not stopped():
        try:
            done = process() + route()
        except DatabaseError as error:
            log.warning("bus worker: %s", type(error).__name__)
            connection.close()
            done = 0
        if not done:
            time.sleep(pause)
    connection.close()
