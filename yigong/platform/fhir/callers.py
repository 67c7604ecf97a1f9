"""Who asks: an application with its scopes; and the condition that every reading of resources carries."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from yigong.kit.ctx import Ctx
from yigong.kit.ctx import system as system_ctx
from yigong.platform.fhir.official import PUBLIC
from yigong.platform.fhir.scopes import EVERYTHING, Scopes
from yigong.security.api import Condition, persons_in_reach, registrations_in_reach


@dataclass(frozen=True, slots=True)
class Caller:
    """The actor with what its token lets it do, and how its patients are known."""

    ctx: Ctx
    scopes: Scopes
    source_system: str = "FHIR"
    identifier_system: str = ""
    application_id: int = 0
    base: str = ""  # address of this server, ends with /
    strict: bool = False  # Prefer: handling=strict
    extra: dict[str, Any] = field(default_factory=dict)


def platform() -> Caller:
    """The platform itself: the worker and the commands."""
    return Caller(system_ctx(), EVERYTHING)


def visible(caller: Caller, alias: str, kind: str = "") -> Condition:
    """True for resources that the caller may know of: those of persons in reach, those of nobody, and its own.

    *kind* narrows to one type where it is known, so that the planner sees the short condition. All persons of a
    resource must be in reach, since it tells of each.
    """
    person = registrations_in_reach(caller.ctx, f"{alias}.registration_id")
    if person.sql == "true":
        return person
    others = registrations_in_reach(caller.ctx, "scope_o.id")
    anchored = f"""({person.sql} and ({alias}.others is null or not exists (
        select 1 from unnest({alias}.others) scope_o(id) where not ({others.sql}))))"""
    own = f"{alias}.org_code = any(%(caller_orgs)s)"
    params = {**person.params, "caller_orgs": list(caller.ctx.orgs)}
    if kind in PUBLIC:
        return Condition(f"({alias}.registration_id is null or {anchored})", params)
    if kind:
        free = own
    else:
        free = f"({own} or {alias}.type = any(%(public_types)s))"
        params["public_types"] = sorted(PUBLIC)
    return Condition(f"(case when {alias}.registration_id is null then {free} else {anchored} end)", params)


def persons(caller: Caller, column: str) -> Condition:
    """True for persons in the caller's reach."""
    return persons_in_reach(caller.ctx, column)
