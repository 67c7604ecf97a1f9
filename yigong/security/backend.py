"""Who asks, in two planned statements: the session, then the user with the memberships. Every request pays for them."""

from __future__ import annotations

import json
from typing import Any

import psycopg
from django.contrib.auth.backends import ModelBackend
from django.contrib.sessions.backends.db import SessionStore as DatabaseSession
from django.db import connection
from django.utils import timezone

from yigong.security.models import Membership, Role, User

_SESSION = "select session_data from django_session where session_key = %s and expire_date > %s"
_USER = [f.attname for f in User._meta.concrete_fields]
_MEMBERSHIP = [f.attname for f in Membership._meta.concrete_fields]
_ROLE = [f.attname for f in Role._meta.concrete_fields]
_WHO = f"""select {", ".join(f"u.{c}" for c in _USER)}, {", ".join(f"m.{c}" for c in _MEMBERSHIP)},
        {", ".join(f"r.{c}" for c in _ROLE)}
    from security_user u left join security_membership m on m.user_id = u.id left join security_role r on r.id = m.role_id
    where u.id = %s order by m.id"""


def _rows(sql: str, params: list[Any]) -> list[tuple[Any, ...]]:
    connection.ensure_connection()
    with psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(sql, params, prepare=True)
        return cursor.fetchall()


class SessionStore(DatabaseSession):
    """Sessions in the database, read by one planned statement."""

    @classmethod
    def get_model_class(cls) -> Any:
        """The table of Django's own sessions."""
        return DatabaseSession.get_model_class()

    def load(self) -> dict[str, Any]:
        """What the session holds; a new one when there is none or it is over."""
        found = _rows(_SESSION, [self.session_key, timezone.now()]) if self.session_key else []
        if not found:
            self._session_key = None
            return {}
        return self.decode(found[0][0])


class StaffBackend(ModelBackend):
    """Users of the house; a user comes with the memberships."""

    def get_user(self, user_id: Any) -> User | None:
        """The user of a session with ``known_memberships``; None when there is none or may not log in."""
        rows = _rows(_WHO, [int(user_id)])
        if not rows:
            return None
        user = User.from_db("default", _USER, rows[0][: len(_USER)])
        user.known_memberships = [_membership(row) for row in rows if row[len(_USER)] is not None]  # type: ignore[attr-defined]
        return user if self.user_can_authenticate(user) else None


def _membership(row: tuple[Any, ...]) -> Membership:
    middle = len(_USER) + len(_MEMBERSHIP)
    found = Membership.from_db("default", _MEMBERSHIP, row[len(_USER) : middle])
    role = dict(zip(_ROLE, row[middle:], strict=True))
    role["actions"] = json.loads(role["actions"])  # Django's connections give JSON as text
    found.role = Role.from_db("default", _ROLE, list(role.values()))
    return found
