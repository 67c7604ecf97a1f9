"""Who calls: name and secret checked, how often, for which services and which institutions."""

from __future__ import annotations

import hashlib
import hmac
import threading
import time
from collections import deque
from fnmatch import fnmatchcase
from typing import Any

from yigong.kit.ctx import Ctx, Purpose, Reach
from yigong.kit.errors import Refused
from yigong.platform.hl7v3.models import Application, ApplicationState
from yigong.platform.registry import api as registry

ACTIONS = frozenset({"hl7v3.call", "registry.save", "exchange.ingest"})
#: wrong secrets of one name in a minute; the right one is heard all the same, so that nobody can shut another out
WRONG_PER_MINUTE = 20
_wrong: dict[Any, deque[float]] = {}
_calls: dict[Any, deque[float]] = {}
_lock = threading.Lock()


def digest(secret: str) -> str:
    """What is kept of a secret. It is 32 random bytes, so a fast digest is enough."""
    return hashlib.sha256(secret.encode()).hexdigest()


def authenticate(user: str, secret: str) -> Application:
    """The application with this name and secret. Raises Refused v3.who, v3.too_often (guessing), v3.suspended."""
    found = Application.objects.filter(code=user).first() if user else None
    known = found.secret_sha256 if found else digest("")
    if not hmac.compare_digest(known, digest(secret)) or found is None or not secret:
        if _count(_wrong, user[:60], 60.0) > WRONG_PER_MINUTE:
            raise Refused("v3.too_often", limit=WRONG_PER_MINUTE)
        raise Refused("v3.who")
    if found.state != ApplicationState.ACTIVE:
        raise Refused("v3.suspended", application=found.code)
    return found


def throttle(application: Application) -> None:
    """Count one call. Raises Refused v3.too_often beyond the application's calls per minute (in each server process)."""
    if application.per_minute and _count(_calls, application.pk, 60.0) > application.per_minute:
        raise Refused("v3.too_often", limit=application.per_minute)


def _count(table: dict[Any, deque[float]], key: Any, seconds: float, *, add: bool = True) -> int:
    """How many marks a key has within the last seconds, this one included."""
    moment = time.monotonic()
    with _lock:
        if len(table) > 10_000:
            table.clear()
        marks = table.setdefault(key, deque())
        while marks and marks[0] < moment - seconds:
            marks.popleft()
        if add:
            marks.append(moment)
        return len(marks)


def permitted(application: Application, key: str) -> None:
    """Raises Refused v3.not_subscribed unless the application may call the service."""
    if not any(fnmatchcase(key, pattern) for pattern in application.services):
        raise Refused("v3.not_subscribed", service=key, application=application.code)


def actor(application: Application, request_id: str = "", address: str = "") -> Ctx:
    """The application as an actor: it reads persons of its institutions, and those opened to them."""
    more = {"request_id": request_id} if request_id else {}
    orgs = tuple(dict.fromkeys((application.org_code, *application.orgs)))
    return Ctx(
        actor_id=0, actor_name=application.name, role=f"app:{application.code}"[:40], org_code=application.org_code, orgs=orgs,
        actions=ACTIONS, reach=Reach.OWN, purpose=Purpose.TREATMENT, address=address, **more,
    )  # fmt: skip


def institution_of(application: Application, said: str) -> str:
    """The institution for which a message speaks: an alias, a registered code in scope, else the application's own.

    Raises Refused v3.other_institution for a registered institution that the application does not speak for.
    """
    code = application.aliases.get(said, said)
    if code in (application.org_code, *application.orgs):
        return str(code)
    if code and registry.institution(code) is not None:
        raise Refused("v3.other_institution", org_code=code, application=application.code)
    return application.org_code
