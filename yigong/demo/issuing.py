"""Shared documents of the county's institutions, made from its records through the same door as the pages use: one of each kind."""

from __future__ import annotations

from dataclasses import replace

from yigong.demo import world
from yigong.kit.ctx import Ctx
from yigong.platform.documents import api as documents
from yigong.platform.empi import api as empi
from yigong.platform.records import api as records

EVENTS = 60  # of one person that are looked through
SIGNER = "青禾县医共体数据中心"


def make(ctx: Ctx) -> int:
    """Issue one document of each kind that the cast's records make; how many. What the sources lack is lacking in them too."""
    made: set[str] = set()
    for person_id in _cast(ctx):
        for event in records.timeline(ctx, person_id, limit=EVENTS):
            actor = replace(ctx, org_code=event.org_code, orgs=(event.org_code,), actor_name=SIGNER)
            for kind in documents.kinds(actor, person_id, event):
                if kind.code not in made and _issued(actor, person_id, event.id, kind.code):
                    made.add(kind.code)
    return len(made)


def _cast(ctx: Ctx) -> list[int]:
    """The named patients, by name and day of birth."""
    found: list[int] = []
    for named in world.cast():
        hits = empi.search(ctx, str(named.facts["name"]), page=1, size=5).rows
        born = str(named.facts.get("born_on", ""))
        found += [h.person_id for h in hits if not born or str(h.born_on) == born][:1]
    return found


def _issued(ctx: Ctx, person_id: int, event_id: int, code: str) -> bool:
    """Whether there is such a document now; one with errors may not be issued, and another event is tried."""
    draft = documents.compose(ctx, person_id, event_id, code)
    if draft.before is None:
        if draft.report.count("error"):
            return False
        documents.issue(ctx, person_id, event_id, code)
    return True
