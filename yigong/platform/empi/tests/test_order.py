"""The order in which registrations arrive does not matter, and one by one they end where one bulk run ends."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.shared import shared
from yigong.kit.clock import now
from yigong.kit.ctx import system
from yigong.platform.empi import api, rules
from yigong.platform.empi.engine import api as engine
from yigong.platform.empi.models import Registration, RuleSet
from yigong.platform.empi.tests.histories import Rolled
from yigong.platform.empi.tests.test_register import number, rows

#: more make the statement stronger: 20000 takes some two minutes
RECORDS = os.environ.get("YIGONG_ORDER_RECORDS", "2000")
Partition = set[frozenset[str]]
HOUSES = [
    ("王秀兰", "赵德才", "赵子轩"),
    ("李桂英", "孙国强", "孙雨欣"),
    ("买买提·艾力", "古丽", "帕提古丽"),
    ("周芳", "吴伟", "吴桐"),
]


def household(place: int, dice: random.Random) -> list[dict[str, object]]:
    """Each member of a household two to four times, with what registrations leave out and get wrong."""
    phone, out = f"1380000{place:04d}", list[dict[str, object]]()
    for n, name in enumerate(HOUSES[place]):
        born = f"{1956 + 7 * place + 24 * (n == 2)}0{n + 2}1{place}"
        for _ in range(dice.randrange(2, 5)):
            certain = dice.random() < 0.6
            out.append({
                "full_name": name, "sex_code": "1" if n == 1 else "2", "born_on": f"{born[:4]}-{born[4:6]}-{born[6:]}",
                "id_no": number(born, n + 1, male=n == 1) if certain else None,
                "phone": phone if dice.random() < 0.7 or not certain else None,
                "address": f"青禾县东河镇柳树村{place + 1}组{place + 11}号" if dice.random() < 0.8 else None,
            })  # fmt: skip
    return out


def persons() -> Partition:
    """Which local ids are one person."""
    held: dict[int, set[str]] = {}
    for local_id, person in Registration.objects.values_list("local_id", "person_id"):
        held.setdefault(person, set()).add(local_id)
    return {frozenset(group) for group in held.values()}


@pytest.mark.django_db
@pytest.mark.feature("A23")
@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 10**9), size=st.sampled_from([1, 3, 40]))
def test_the_order_of_arrival_does_not_matter(seed: int, size: int) -> None:
    """Households registered in any order, one by one, in groups or all at once, are the same persons."""
    dice = random.Random(seed)
    people = [one for place in range(len(HOUSES)) for one in household(place, dice)]
    frame = rows(*({**one, "local_id": str(n)} for n, one in enumerate(people)))
    found: list[Partition] = []
    for order in (list(range(frame.height)), dice.sample(range(frame.height), frame.height)):
        with pytest.raises(Rolled), transaction.atomic():
            for start in range(0, frame.height, size if found else frame.height):
                api.register(system(), frame[order[start : start + (size if found else frame.height)]])
            found.append(persons())
            raise Rolled
    assert found[0] == found[1]


def county(seed: int, out: Path) -> pl.DataFrame:
    """A synthetic county's registrations, made by the tool that lies beside the project."""
    subprocess.run([sys.executable, str(shared("tools/county.py")), RECORDS, str(seed), str(out)], check=True)
    return pl.read_parquet(out).select(
        pl.format("ORG{}", "inst").alias("org_code"), pl.lit("HIS").alias("source_system"),
        pl.col("mrn").alias("local_id"), pl.col("name").alias("full_name"),
        pl.col("sex").replace_strict({"男": "1", "女": "2"}, default=None).alias("sex_code"),
        pl.col("dob").alias("born_on"), pl.col("idno").alias("id_no"), "phone", "address",
        pl.col("ins_no").alias("health_card_no"), pl.col("contact").alias("contact_name"),
        pl.col("reg_date").alias("registered_at"),
    )  # fmt: skip


@pytest.mark.django_db
@pytest.mark.feature("A23")
@pytest.mark.parametrize(("seed", "order", "size"), [(3, "any", 60), (5, "file", 7), (8, "reversed", 200)])
def test_streaming_ends_where_bulk_linkage_ends(seed: int, order: str, size: int, tmp_path: Path) -> None:
    """Registered in any order in small groups under the threshold of the bulk run, 99.9 % of the records stand in
    exactly the cluster that the engine makes of the whole file."""
    frame = county(seed, tmp_path / "county.parquet")
    RuleSet.objects.create(version=1, state="published", body={"auto": 0.0, "review": 0.0}, created_at=now())
    clusters = dict(zip(frame["local_id"], engine.link(frame, rules.model())["cluster"], strict=True))
    whole: dict[int, set[str]] = {}
    for local_id, cluster in clusters.items():
        whole.setdefault(cluster, set()).add(local_id)
    places = list(range(frame.height))
    if order == "any":
        random.Random(seed).shuffle(places)
    for start in range(0, frame.height, size):
        api.register(system(), frame[(places[::-1] if order == "reversed" else places)[start : start + size]])
    one = {local_id: group for group in persons() for local_id in group}
    agreeing = sum(one[local_id] == whole[clusters[local_id]] for local_id in one)
    assert agreeing >= 0.999 * frame.height
