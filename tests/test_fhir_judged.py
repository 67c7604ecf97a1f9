"""What an independent validator, HAPI FHIR's, says of this server's answers, and whether it judges resources as ours does."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import polars as pl
import pytest

from tests.judges.hapi import Finding, Hapi
from tests.shared import shared
from yigong.kit.ctx import system
from yigong.platform.exchange import api as exchange
from yigong.platform.fhir.bodies import read
from yigong.platform.fhir.publishing import publish, published
from yigong.platform.fhir.tests import desk
from yigong.platform.fhir.tests.test_types import KEPT, PLACED
from yigong.platform.fhir.validating import all_findings
from yigong.portal.jars import NotHere
from yigong.standards.api import load

pytestmark = pytest.mark.feature("C15")
ROWS = 4
#: what the other judge minds and ours does not: units by the grammar of UCUM, codings without a code, the hash of an attachment
BEYOND = (
    "Error processing unit",
    "#null'",
    "The hash of the data",
    "HAPI-0676",
    "is not in valueset: http://hl7.org/fhir/ValueSet/languages",
)


@pytest.fixture(scope="module")
def hapi() -> Iterator[Hapi]:
    """The running validator."""
    try:
        judge = Hapi()
    except NotHere as why:
        pytest.skip(str(why))
    yield judge
    judge.stop()


def theirs(hapi: Hapi, resource: dict[str, Any]) -> list[Finding]:
    """What the other judge has against a resource, of what both look at."""
    return [f for f in hapi.graves(resource) if not any(words in f.words for words in BEYOND)]


def ours(resource: dict[str, Any]) -> list[str]:
    """What $validate has against it."""
    return [f"{f.rule} {f.place}" for f in all_findings(read(json.dumps(resource).encode())) if f.severity == "error"]


def _value(chance: Random, field: Any) -> str:
    codes = load().value_sets[field.value_set_id].codes if field.value_set_id in load().value_sets else {}
    if codes and field.type in ("S2", "S3"):
        return chance.choice(sorted(codes))
    known = {
        "number": "5.60",
        "date": "2026-02-28",
        "instant": "2026-03-01T08:30:00+08:00",
        "flag": "true",
        "time": "08:30:00",
    }
    return (
        known.get(field.kind) or chance.choice(["王秀兰“甲”", "<b>&amp;]]></b>", "无", "I10"])[: field.max_length or 50]
    )


def county() -> dict[str, int]:
    """Rows of every data set that is published, as a hospital's own database sends them; how many resources they make, by what."""
    desk.county()
    chance = Random(20261127)
    for name in published():
        fields = [f for f in load().data_sets[name].fields if f.kind != "text" or f.max_length != 0]
        rows = [
            {
                "org_code": desk.HOSPITAL, "source_system": "HIS", "person_system": "HIS", "local_id": f"P{n}", "source_key": f"{name}{n}",
                "group_key": f"{name}{n // 2}", "encounter_key": f"E{n}", "event_at": "2026-03-01T08:30:00+08:00",
                **{f.identifier: _value(chance, f) for f in fields if n % 2 or chance.random() < 0.6},
            }
            for n in range(ROWS)
        ]  # fmt: skip
        persons = [
            {
                "org_code": desk.HOSPITAL,
                "source_system": "HIS",
                "local_id": f"P{n}",
                "full_name": "王秀兰",
                "sex_code": "2",
            }
            for n in range(ROWS)
        ]
        exchange.take(
            system(), "病历", "csv", [exchange.StandardBatch(name, pl.DataFrame(rows), pl.DataFrame(persons))]
        )
    return publish(system())


@pytest.mark.django_db
def test_what_is_answered_is_fhir(hapi: Hapi) -> None:
    """Every type that records, registers and persons are published as, searches of them, and the CapabilityStatement are R4 to both judges."""
    made = county()
    assert {name for name in published() if made.get(name)} == set(published())
    api = desk.Api(desk.application())
    statement = api.get("metadata")
    answers = [statement, api.get("Patient?_summary=true"), api.get("Observation?_include=*&_count=3")]
    for kind in (r["type"] for r in statement["rest"][0]["resource"]):
        bundle = api.get(f"{kind}?_count=8")
        answers += [bundle] if bundle["total"] else []
    patient = next(b for b in answers if b.get("entry") and b["entry"][0]["resource"]["resourceType"] == "Patient")
    answers.append(api.get(f"Patient/{patient['entry'][0]['resource']['id']}/$everything"))
    answers.append(api.get("Patient/nobody", 404))
    answers.append(api.get("Patient?colour=green", 400))
    found = {f"{a['resourceType']} {f.place}: {f.words}" for a in answers for f in theirs(hapi, a)}
    assert found == set()
    assert [ours(a) for a in answers] == [[] for _ in answers]


@pytest.mark.django_db
def test_what_is_taken_is_fhir_to_both(hapi: Hapi) -> None:
    """The resources that tests of types send are R4 to both judges."""
    for resource in [*(given[0] for given in PLACED.values()), *KEPT.values()]:
        whole = {
            **resource,
            **({"subject": {"reference": "Patient/p"}} if resource["resourceType"] != "Patient" else {}),
        }
        assert bool(theirs(hapi, whole)) == bool(ours(whole)), (resource, theirs(hapi, whole), ours(whole))


@pytest.mark.django_db
def test_official_examples_are_judged_alike(hapi: Hapi) -> None:
    """Of the official examples both judges refuse the same."""
    files = sorted(shared("samples/fhir_r4").glob("*.json"))
    assert len(files) > 100
    known = [
        f
        for f in files
        if f.name.startswith(("Procedure-f201", "QuestionnaireResponse-gcs", "MedicationRequest-medrx0313"))
    ]
    for file in [*known, *files[::5]]:
        resource = json.loads(file.read_text("utf-8"))
        assert bool(theirs(hapi, resource)) == bool(ours(resource)), (file.name, theirs(hapi, resource), ours(resource))


def spots(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, Any, tuple[Any, ...]]]:
    """Every place of a resource as (holder, key, path)."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in inside:
        yield value, key, (*path, key)
        yield from spots(inner, (*path, key))


def broken(chance: Random, resource: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The resource with one thing changed, and what was changed."""
    made = copy.deepcopy(resource)
    places = [
        s for s in spots(made) if s[2][0] not in ("resourceType", "text") and "contained" not in s[2] and s[1] != "div"
    ]
    holder, key, path = chance.choice(places)
    value = holder[key]
    way = chance.choice(["dropped", "renamed", "of another type", "empty", "nonsense", "twice", "null", "in a list"])
    if way == "dropped":
        del holder[key]
    elif way == "renamed" and isinstance(holder, dict):
        holder[f"{key}X"] = holder.pop(key)
    elif way == "of another type":
        holder[key] = 5 if isinstance(value, str) else "wrong"
    elif way == "empty" and isinstance(value, str | dict):  # of empty lists the other judge sees some and not others
        holder[key] = type(value)()
    elif way == "nonsense" and isinstance(value, str):
        holder[key] = chance.choice(["no-such-code", "not a value"])
    elif way == "twice":
        holder[key] = value * 2 if isinstance(value, list) else [value, value]
    elif way == "null":
        holder[key] = None
    elif way == "in a list":
        holder[key] = value[0] if isinstance(value, list) else [value]
    return f"{way}: {'.'.join(map(str, path))}", made


@pytest.mark.django_db
def test_what_is_broken_is_judged_alike(hapi: Hapi) -> None:
    """An official example with one thing changed anywhere is refused by both judges or by neither."""
    chance = Random(20261127)
    files: list[Path] = sorted(shared("samples/fhir_r4").glob("*.json"))
    whole = [r for f in files if not ours(r := json.loads(f.read_text("utf-8"))) and len(json.dumps(r)) < 6000]
    refused, differ = 0, []
    for _ in range(160):
        what, resource = broken(chance, chance.choice(whole))
        mine, other = ours(resource), theirs(hapi, resource)
        refused += bool(mine)
        if bool(mine) != bool(other):
            differ.append((resource["resourceType"], what, mine, other))
    assert differ == []
    assert refused > 100
