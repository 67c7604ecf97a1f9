"""The doors of security: audit, grants, the reach of a reader, guarded views, users and roles."""

from __future__ import annotations

from yigong.security.guard import action, opaque_id, public, revealed
from yigong.security.scope import (
    Condition,
    is_in_reach,
    persons_in_reach,
    persons_in_reach_of,
    registration_ids,
    registrations_in_reach,
)
from yigong.security.scoped import ScopedManager
from yigong.security.selectors import OpenGrant, Reading, last_read, open_grants, readings, role_names
from yigong.security.services import (
    SUBJECT,
    WHO,
    audit,
    audit_many,
    audit_sql,
    grant,
    make_role,
    make_user,
    revoke,
    who,
)

__all__ = [
    "SUBJECT",
    "WHO",
    "Condition",
    "OpenGrant",
    "Reading",
    "ScopedManager",
    "action",
    "audit",
    "audit_many",
    "audit_sql",
    "grant",
    "is_in_reach",
    "last_read",
    "make_role",
    "make_user",
    "opaque_id",
    "open_grants",
    "persons_in_reach",
    "persons_in_reach_of",
    "public",
    "readings",
    "registration_ids",
    "registrations_in_reach",
    "revealed",
    "revoke",
    "role_names",
    "who",
]
