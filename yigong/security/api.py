"""The doors of security: audit, grants, the reach of a reader, guarded views, users and roles."""

from __future__ import annotations

from yigong.security.guard import action, opaque_id
from yigong.security.scope import Condition, persons_in_reach, registrations_in_reach
from yigong.security.scoped import ScopedManager
from yigong.security.services import audit, audit_many, grant, make_role, make_user, revoke

__all__ = [
    "Condition",
    "ScopedManager",
    "action",
    "audit",
    "audit_many",
    "grant",
    "make_role",
    "make_user",
    "opaque_id",
    "persons_in_reach",
    "registrations_in_reach",
    "revoke",
]
