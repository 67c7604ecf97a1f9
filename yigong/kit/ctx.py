"""Who acts, for which institution, in which role, for which purpose, under which request id."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from yigong.kit.errors import Refused
from yigong.kit.ids import new_request_id


class Purpose(StrEnum):
    """Why personal data are read."""

    TREATMENT = "treatment"  # 门诊诊疗
    OPERATION = "operation"  # 平台运维: data clerks working on identity and quality
    SUPERVISION = "supervision"  # 监管统计
    SYSTEM = "system"  # the platform itself, in jobs


class Reach(StrEnum):
    """How far the actor's data rights go."""

    OWN = "own"  # persons known to the actor's institutions, or opened to them by a grant
    COUNTY = "county"  # every person of the county
    NONE = "none"  # no person at all, figures only


@dataclass(frozen=True, slots=True)
class Ctx:
    """The actor of an act; the first argument of every service and of every selector of personal data."""

    actor_id: int
    actor_name: str
    role: str
    org_code: str
    orgs: tuple[str, ...]  # the institutions whose data the actor works with, own one first
    actions: frozenset[str]
    reach: Reach
    purpose: Purpose
    request_id: str = field(default_factory=new_request_id)
    address: str = ""  # network address, for the audit

    def may(self, action: str) -> bool:
        """Whether the actor's role holds *action*."""
        return action in self.actions

    def must(self, action: str) -> None:
        """Raises Refused not_permitted unless the role holds *action*."""
        if action not in self.actions:
            raise Refused("not_permitted", action=action)


class _Everything(frozenset[str]):
    def __contains__(self, _: object) -> bool:
        return True


def system(request_id: str = "") -> Ctx:
    """The platform acting by itself: jobs, migrations, event handlers."""
    return Ctx(
        actor_id=0,
        actor_name="system",
        role="system",
        org_code="",
        orgs=(),
        actions=_Everything(),
        reach=Reach.COUNTY,
        purpose=Purpose.SYSTEM,
        request_id=request_id or new_request_id(),
    )
