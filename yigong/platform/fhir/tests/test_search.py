"""Search answers what reading every resource by hand would answer."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from yigong.platform.fhir import acts
from yigong.platform.fhir.callers import Caller
from yigong.platform.fhir.search.asked import read as asked
from yigong.platform.fhir.search.running import search
from yigong.platform.fhir.tests import desk

CODES = ["2339-0", "718-7", "2160-0"]
NAMES = ["王秀兰", "王秀", "李Émile", "emile", "O'Neil"]
DAYS = [date(2026, 1, 1) + timedelta(days=n * 17) for n in range(6)]


@pytest.fixture
def caller(db: Any) -> Caller:
    """An application that may do everything."""
    desk.county()
    return desk.caller()


def fill(caller: Caller) -> tuple[dict[str, dict[str, Any]], dict[str, dict[str, Any]]]:
    """Patients and results by id, all combinations of some codes, days, units and values."""
    patients = {
        f"p{n}": {"resourceType": "Patient", "id": f"p{n}", "name": [{"text": name}], "gender": ["male", "female"][n % 2],
                  "birthDate": DAYS[n].isoformat()}
        for n, name in enumerate(NAMES)
    }  # fmt: skip
    results = {}
    for n in range(24):
        unit = ["mmol/L", "mg/dL"][n % 2]
        one = desk.observation(f"p{n % 5}", [4.9, 5, 5.4, 5.6, 6.05, 7][n % 6], id=f"o{n}")
        one["code"] = {"coding": [{"system": "http://loinc.org", "code": CODES[n % 3]}], "text": f"项目{n % 4}"}
        one["valueQuantity"] |= {"unit": unit, "code": unit}
        one["effectiveDateTime"] = DAYS[n % 6].isoformat()
        one["status"] = ["final", "amended"][n % 2]
        if n % 4 == 0:
            one["encounter"] = {"reference": f"Encounter/e{n % 3}"}
        results[f"o{n}"] = one
    acts.commit(caller, [acts.change(caller, r["resourceType"], i, r) for i, r in {**patients, **results}.items()])
    return patients, results


def found(caller: Caller, kind: str, *pairs: tuple[str, str]) -> set[str]:
    """Ids of what matches."""
    return {m.fhir_id for m in search(caller, asked(kind, [*pairs, ("_count", "1000")])).matches}


PREFIXES = {
    "": lambda v, q: q <= v < q + timedelta(days=1), "ne": lambda v, q: v != q, "gt": lambda v, q: v > q, "lt": lambda v, q: v < q,
    "ge": lambda v, q: v >= q, "le": lambda v, q: v <= q, "sa": lambda v, q: v > q, "eb": lambda v, q: v < q,
}  # fmt: skip
NUMBERS = {
    "": lambda v, q, h: q - h <= v < q + h, "ne": lambda v, q, h: not q - h <= v < q + h, "gt": lambda v, q, h: v > q,
    "lt": lambda v, q, h: v < q, "ge": lambda v, q, h: v >= q, "le": lambda v, q, h: v <= q,
}  # fmt: skip


@pytest.mark.feature("C15")
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_sql_answers_as_reading_by_hand(caller: Caller, data: st.DataObject) -> None:
    """Any combination of code, status, day, value, patient, chain and presence gives the same set as plain Python."""
    from yigong.platform.fhir.models import Resource

    if not Resource.objects.filter(type="Observation").exists():
        fill(caller)
    patients, results = _known()
    pairs: list[tuple[str, str]] = []
    keep = set(results)

    def narrow(pair: tuple[str, str], test: Any) -> None:
        pairs.append(pair)
        keep.intersection_update(i for i, r in results.items() if test(r))

    draw = data.draw
    if draw(st.booleans()):
        codes = draw(st.lists(st.sampled_from(CODES), min_size=1, max_size=2))
        narrow(("code", ",".join(codes)), lambda r: r["code"]["coding"][0]["code"] in codes)
    if draw(st.booleans()):
        status = draw(st.sampled_from(["final", "amended", "http://hl7.org/fhir/observation-status|final"]))
        narrow(("status", status), lambda r: r["status"] == status.rpartition("|")[2])
    if draw(st.booleans()):
        prefix, day = draw(st.sampled_from(sorted(PREFIXES))), draw(st.sampled_from(DAYS))
        narrow(("date", f"{prefix}{day}"), lambda r: PREFIXES[prefix](date.fromisoformat(r["effectiveDateTime"]), day))
    if draw(st.booleans()):
        prefix, value, unit = (
            draw(st.sampled_from(sorted(NUMBERS))),
            draw(st.sampled_from(["5", "5.4", "5.60", "6"])),
            draw(st.sampled_from(["", "mmol/L"])),
        )
        half = 10 ** -len(value.partition(".")[2]) / 2
        text = f"{prefix}{value}" + (f"|http://unitsofmeasure.org|{unit}" if unit else "")
        narrow(("value-quantity", text), lambda r: NUMBERS[prefix](r["valueQuantity"]["value"], float(value), half)
               and unit in ("", r["valueQuantity"]["code"]))  # fmt: skip
    if draw(st.booleans()):
        who = draw(st.sampled_from(sorted(patients)))
        narrow(
            (draw(st.sampled_from(["patient", "subject:Patient"])), who),
            lambda r: r["subject"]["reference"] == f"Patient/{who}",
        )
    if draw(st.booleans()):
        sex = draw(st.sampled_from(["male", "female"]))
        narrow(("patient.gender", sex), lambda r: patients[r["subject"]["reference"][8:]]["gender"] == sex)
    if draw(st.booleans()):
        missing = draw(st.booleans())
        narrow(("encounter:missing", str(missing).lower()), lambda r: ("encounter" not in r) == missing)
    if draw(st.booleans()):
        code = draw(st.sampled_from(CODES))
        narrow(("code:not", code), lambda r: r["code"]["coding"][0]["code"] != code)
    assert found(caller, "Observation", *pairs) == keep, pairs


_filled: dict[str, Any] = {}


def _known() -> Any:
    """What ``fill`` wrote, worked out again."""
    if not _filled:
        import unittest.mock

        with unittest.mock.patch.object(acts, "commit"), unittest.mock.patch.object(acts, "change"):
            _filled["all"] = fill(None)  # type: ignore[arg-type]
    return _filled["all"]


@pytest.mark.feature("C15")
def test_text_of_names(caller: Caller) -> None:
    """Names are found by their beginning whatever the case and accent, exactly, or by a part."""
    fill(caller)
    assert found(caller, "Patient", ("name", "王秀")) == {"p0", "p1"}
    assert found(caller, "Patient", ("name:exact", "王秀")) == {"p1"}
    assert found(caller, "Patient", ("name:contains", "EMILE")) == {"p2", "p3"}
    assert found(caller, "Patient", ("name", "o'neil")) == {"p4"}
    assert found(caller, "Patient", ("name", "%")) == set()
    assert found(caller, "Observation", ("code:text", "项目1")) == {f"o{n}" for n in range(24) if n % 4 == 1}
    assert found(caller, "Patient", ("_has:Observation:patient:code", "718-7"), ("gender", "male")) == {
        "p0",
        "p2",
        "p4",
    }


@pytest.mark.feature("C15")
def test_composites_are_of_one_part(caller: Caller) -> None:
    """A code and a value are found together only where one component holds both."""
    parts = [
        {"code": {"coding": [{"code": c}]}, "valueQuantity": {"value": v}} for c, v in (("8480-6", 150), ("8462-4", 80))
    ]
    pressure = desk.observation("p", id="bp", component=parts)
    del pressure["valueQuantity"]
    acts.commit(caller, [acts.change(caller, "Observation", "bp", pressure)])
    assert found(caller, "Observation", ("component-code-value-quantity", "8480-6$gt140")) == {"bp"}
    assert found(caller, "Observation", ("component-code-value-quantity", "8462-4$gt140")) == set()
    assert found(caller, "Observation", ("combo-code-value-quantity", "8462-4$80")) == {"bp"}


@pytest.mark.feature("C15")
def test_pages_stay_what_they_were(db: Any) -> None:
    """Pages of a plain and of a sorted search hold each match once, also when resources come and change meanwhile."""
    desk.county()
    fill(desk.caller())
    api = desk.Api(desk.application(source_system="LIS"))
    for query in ("_count=7", "_count=7&_sort=-date", "_count=7&_sort=code,-value-quantity"):
        seen: list[str] = []
        page = api.get(f"Observation?{query}")
        for _ in range(10):
            seen += desk.ids(page)
            api.put("Observation/o23", {**desk.observation("p1", 9 + len(seen)), "id": "o23"})
            following = next((link["url"] for link in page["link"] if link["relation"] == "next"), "")
            if not following:
                break
            page = api.get(following.partition("/fhir/r4/")[2])
        assert sorted(seen) == sorted(f"o{n}" for n in range(24)), query


@pytest.mark.feature("C15")
def test_what_goes_along_and_what_is_left_out(db: Any) -> None:
    """_include, _revinclude, _summary, _elements, _total, _count=0 and POST _search."""
    desk.county()
    fill(desk.caller())
    api = desk.Api(desk.application(source_system="LIS"))
    with_patient = api.get("Observation?_id=o0&_include=Observation:patient&_include=Observation:encounter")
    assert desk.ids(with_patient, "include") == ["p0"]
    assert len(desk.ids(api.get("Patient?_id=p0&_revinclude=Observation:patient"), "include")) == 5
    assert api.get("Observation?_summary=count")["total"] == 24 and "entry" not in api.get("Observation?_count=0")
    assert api.get("Observation?_count=2&_total=accurate")["total"] == 24 and "total" not in api.get(
        "Observation?_count=2"
    )
    part = api.get("Observation?_id=o0&_elements=valueQuantity")["entry"][0]["resource"]
    assert set(part) == {"resourceType", "id", "meta", "valueQuantity", "status", "code"} and part["meta"]["tag"]
    assert "referenceRange" not in api.get("Observation/o0?_summary=true")
    form = api.ask(
        "POST",
        "Observation/_search",
        "code=718-7&status=final",
        content_type="application/x-www-form-urlencoded",
        status=200,
    )
    assert form["total"] == 4
    assert api.get("Patient/p0/Observation?code=2339-0")["total"] == len(
        [n for n in range(24) if n % 5 == 0 and n % 3 == 0]
    )
    lenient = api.get("Observation?_id=o0&nonsense=1", 200, prefer="handling=lenient")
    assert lenient["entry"][-1]["resource"]["resourceType"] == "OperationOutcome"
