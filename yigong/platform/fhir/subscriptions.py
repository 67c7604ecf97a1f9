"""Subscriptions by rest-hook: whose criteria a written version meets, and its delivery with retry."""

from __future__ import annotations

import ipaddress
import json
import logging
import socket
import urllib.error
import urllib.request
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from django.db import transaction

from yigong.kit.clock import now
from yigong.kit.errors import Refused
from yigong.platform.fhir import db
from yigong.platform.fhir.bodies import JSON, read
from yigong.platform.fhir.callers import Caller
from yigong.platform.fhir.models import Notice, Resource, Subscriber
from yigong.platform.fhir.search import asked as asking
from yigong.platform.fhir.search.running import conditions

log = logging.getLogger("yigong.fhir")
SECONDS = 10
LAST_ATTEMPT = 6
_HOP = ("connection", "host", "content-length", "transfer-encoding")


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A subscriber answers itself; it sends nobody elsewhere."""

    def redirect_request(self, *_: Any) -> None:
        return None


_opener = urllib.request.build_opener(_NoRedirect())


def checked(caller: Caller, resource: JSON) -> None:
    """Raises Refused fhir.channel or fhir.criteria unless this subscription can be served."""
    channel = resource.get("channel") or {}
    endpoint = str(channel.get("endpoint", ""))
    if channel.get("type") != "rest-hook" or urlsplit(endpoint).scheme not in ("http", "https"):
        raise Refused("fhir.channel")
    try:
        asked = criteria(str(resource.get("criteria", "")))
    except Refused as refused:
        raise Refused("fhir.criteria", criteria=str(resource.get("criteria", ""))[:100]) from refused
    caller.scopes.must(asked.kind, "s")
    if resource.get("status") == "requested":
        resource["status"] = "active"


def signed(caller: Caller, resource_id: int) -> None:
    """Note whose subscription this is."""
    if caller.application_id:
        Subscriber.objects.update_or_create(
            subscription_id=resource_id, defaults={"application_id": caller.application_id}
        )


def criteria(text: str) -> asking.Asked:
    """``Observation?code=…`` as a search. Raises Refused."""
    kind, _, query = text.partition("?")
    from yigong.platform.fhir.official import definitions

    if kind not in definitions().parameters:
        raise Refused("fhir.type_unknown", type=kind[:60])
    return asking.read(kind, parse_qsl(query, keep_blank_values=True))


def announce(versions: Sequence[tuple[int, int]]) -> int:
    """Queue a notice for each active subscription whose criteria a version meets; how many."""
    count = 0
    for subscription in Resource.objects.filter(type="Subscription", deleted=False).exclude(body=""):
        said = json.loads(subscription.body)
        if said.get("status") != "active":
            continue
        caller = _subscriber(subscription)
        if caller is None:
            continue
        try:
            met = _meeting(caller, said["criteria"], [v[0] for v in versions])
        except Refused as refused:
            _fail(subscription, str(refused))
            continue
        by_id = dict(versions)
        made = [Notice(subscription=subscription, resource_id=i, version=by_id[i], due_at=now()) for i in met]
        Notice.objects.bulk_create(made, ignore_conflicts=True)
        count += len(made)
    return count


def _subscriber(subscription: Resource) -> Caller | None:
    """The application that made it, as far as it may still read; what it may not see it is not told of."""
    from yigong.platform.fhir.access import caller

    found = Subscriber.objects.select_related("application").filter(subscription=subscription).first()
    application = found.application if found and found.application.revoked_at is None else None
    return caller(application, application.scopes) if application else None


def _meeting(caller: Caller, text: str, ids: Sequence[int]) -> list[int]:
    asked = criteria(text)
    caller.scopes.must(asked.kind, "s")
    where, compiler = conditions(caller, asked)
    sql = f"select r.id from fhir_resource r where {where} and r.id = any({compiler.bind(list(ids))})"
    return [row[0] for row in db.rows(sql, compiler.params)]


def deliver(limit: int = 50) -> int:
    """Send what is due; how many were tried. A subscriber that fails is tried again after 1, 2, 4 … minutes."""
    tried = 0
    while tried < limit and _deliver_one():
        tried += 1
    return tried


@transaction.atomic
def _deliver_one() -> bool:
    notice = (
        Notice.objects.select_for_update(skip_locked=True, of=("self",))
        .select_related("subscription").filter(due_at__lte=now()).order_by("due_at", "id").first()
    )  # fmt: skip
    if notice is None:
        return False
    said = json.loads(notice.subscription.body or "{}")
    if notice.subscription.deleted or said.get("status") != "active":
        notice.delete()
        return True
    try:
        _send(said["channel"], _payload(notice, said["channel"]))
        notice.delete()
    except (OSError, ValueError, urllib.error.URLError) as error:
        _again(notice, f"{type(error).__name__}: {error}"[:300])
    return True


def _payload(notice: Notice, channel: JSON) -> tuple[str, str, bytes]:
    """Method, address and body: the resource itself when a payload type is asked for, else an empty call."""
    endpoint = str(channel["endpoint"]).rstrip("/")
    resource = Resource.objects.filter(pk=notice.resource_id, deleted=False).first()
    if channel.get("payload") and resource is not None:
        return "PUT", f"{endpoint}/{resource.type}/{resource.fhir_id}", resource.body.encode()
    return "POST", endpoint, b""


def _send(channel: JSON, payload: tuple[str, str, bytes]) -> None:
    method, url, body = payload
    _reachable(url)
    request = urllib.request.Request(url, data=body, method=method)  # noqa: S310  - the scheme was checked
    request.add_header("Content-Type", str(channel.get("payload") or "application/fhir+json"))
    for line in channel.get("header", ()):
        name, _, value = str(line).partition(":")
        if name.strip().lower() not in _HOP and "\n" not in line and "\r" not in line:
            request.add_header(name.strip(), value.strip())
    with _opener.open(request, timeout=SECONDS) as answer:
        if answer.status >= 300:
            raise ValueError(f"status {answer.status}")


def _reachable(url: str) -> None:
    """Refuse addresses that only this machine's own infrastructure answers (link-local). Raises ValueError."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    for *_, address in socket.getaddrinfo(parts.hostname or "", port, type=socket.SOCK_STREAM):
        if ipaddress.ip_address(address[0]).is_link_local:
            raise ValueError("link-local address")


def _again(notice: Notice, error: str) -> None:
    notice.attempts += 1
    notice.error = error
    notice.due_at = now() + timedelta(minutes=2 ** (notice.attempts - 1))
    if notice.attempts >= LAST_ATTEMPT:
        _fail(notice.subscription, error)
        notice.delete()
        return
    notice.save()


def _fail(subscription: Resource, error: str) -> None:
    """The subscription goes to the state error and says why; its owner sets it active again."""
    from yigong.platform.fhir import store
    from yigong.platform.fhir.callers import platform

    resource = read(subscription.body.encode()) | {"status": "error", "error": error[:300]}
    draft = store.Draft("Subscription", resource, subscription.fhir_id, org_code=subscription.org_code)
    draft.source_system = subscription.source_system
    store.save(platform(), [draft])
    log.warning("subscription %s failed", subscription.pk)
