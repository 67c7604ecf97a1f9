"""A small hospital with stored follow-ups, its quality clerk, the county's data office and an outsider."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from yigong.kit import clock
from yigong.kit.ctx import Ctx, Purpose, Reach, system
from yigong.platform.empi import api as empi
from yigong.platform.records import api as records
from yigong.platform.registry import api as registry
from yigong.platform.registry.selectors import kept
from yigong.quality.actions import ACTIONS

OWN, OTHER, OFFICE = "2000000101", "2000000202", "9000000001"
FOLLOW_UP = "hypertension_management_2009"


@dataclass(frozen=True)
class Cast:
    """Who acts in the tests."""

    clerk: Ctx
    office: Ctx
    outsider: Ctx


def actor(number: int, name: str, org: str, reach: Reach) -> Ctx:
    """Somebody who works on quality."""
    return Ctx(
        actor_id=number, actor_name=name, role="quality_clerk", org_code=org, orgs=(org,), actions=frozenset(ACTIONS),
        reach=reach, purpose=Purpose.OPERATION,
    )  # fmt: skip


@pytest.fixture(autouse=True)
def day() -> Iterator[None]:
    """The rows lie in 2026: scores and windows are those of November."""
    with clock.fixed(datetime(2026, 11, 27, 2, tzinfo=UTC)):
        yield


@pytest.fixture
def cast(db: None) -> Cast:
    """The institutions are registered; nothing is stored yet."""
    rows = [
        {"code": OWN, "name": "东河镇中心卫生院", "short_name": "东河", "kind": "township_centre"},
        {"code": OTHER, "name": "石桥镇卫生院", "short_name": "石桥", "kind": "township_centre"},
        {"code": OFFICE, "name": "医共体总院", "short_name": "总院", "kind": "centre"},
    ]
    kept.forget()
    registry.save_institutions(system(), pl.DataFrame(rows))
    kept.forget()
    return Cast(
        clerk=actor(1, "周芸", OWN, Reach.OWN),
        office=actor(2, "冯磊", OFFICE, Reach.COUNTY),
        outsider=actor(3, "张慧", OTHER, Reach.OWN),
    )


def follow_ups(org: str, rows: list[dict[str, Any]], *, start: int = 0, data_set: str = FOLLOW_UP) -> None:
    """Store follow-ups (of hypertension) of one person each, one a day from 2026-01-05 on."""
    first = datetime(2026, 1, 5, 2, tzinfo=UTC)
    keys = [f"F{start + i}" for i in range(len(rows))]
    people = pl.DataFrame(
        {
            "org_code": org,
            "source_system": "JW",
            "local_id": keys,
            "full_name": [f"居民{k}" for k in keys],
            "sex_code": "2",
        }
    )
    known = empi.register(system(), people)
    usual = {"systolic_blood_pressure_mmhg": 134.0, "diastolic_blood_pressure_mmhg": 82.0, "follow_up_method_code": "1"}
    frame = pl.DataFrame(
        [
            {
                "org_code": org, "source_system": "JW", "source_key": k, "group_key": k,
                "event_at": first + timedelta(days=i), "follow_up_on": date(2026, 1, 5) + timedelta(days=i),
                **usual, **row,
            }
            for i, (k, row) in enumerate(zip(keys, rows, strict=True))
        ],
        infer_schema_length=None,
    ).with_columns(known.get_column("registration_id"))  # fmt: skip
    records.load(system(), data_set, frame)
