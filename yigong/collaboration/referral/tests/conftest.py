"""A fixed cast: a township doctor, a county doctor, an outsider, and a patient known to the township."""

from __future__ import annotations

from dataclasses import dataclass, replace

import polars as pl
import pytest

from yigong.collaboration.referral.actions import ACTIONS
from yigong.kit.ctx import Ctx, Purpose, Reach, system
from yigong.platform.empi import api as empi
from yigong.platform.registry import api as registry
from yigong.platform.registry.selectors import kept

TOWNSHIP, COUNTY, TCM, OTHER = "200000001X", "1000000011", "1000000022", "2000000098"


@dataclass(frozen=True)
class Cast:
    """Who acts in the tests, and on whom."""

    township: Ctx
    county: Ctx
    outsider: Ctx
    registration_id: int
    person_id: int


def actor(number: int, name: str, org: str) -> Ctx:
    """A physician of an institution."""
    return Ctx(
        actor_id=number, actor_name=name, role="clinician", org_code=org, orgs=(org,),
        actions=frozenset(ACTIONS) | {"person.view"}, reach=Reach.OWN, purpose=Purpose.TREATMENT,
    )  # fmt: skip


@pytest.fixture
def cast(db: None) -> Cast:
    """The cast in place."""
    kinds = {TOWNSHIP: "township_centre", COUNTY: "county_hospital", TCM: "tcm_hospital", OTHER: "township_centre"}
    rows = [{"code": c, "name": f"机构{c[-2:]}", "short_name": "机构", "kind": k} for c, k in kinds.items()]
    kept.forget()
    registry.save_institutions(system(), pl.DataFrame(rows))
    kept.forget()
    person = {"org_code": TOWNSHIP, "source_system": "WSY", "local_id": "1", "full_name": "王秀兰", "sex_code": "2"}
    found = empi.register(system(), pl.DataFrame([person])).row(0, named=True)
    return Cast(
        township=actor(1, "李建国", TOWNSHIP),
        county=actor(2, "周明", COUNTY),
        outsider=actor(3, "张慧", OTHER),
        registration_id=found["registration_id"],
        person_id=found["person_id"],
    )


def without(ctx: Ctx, action: str) -> Ctx:
    """The actor without one permission."""
    return replace(ctx, actions=ctx.actions - {action})
