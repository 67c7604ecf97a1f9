"""Profiles: snapshots as given or made from differentials, and what is found against them."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from typing import Any

import pytest

from tests.shared import shared
from yigong.platform.fhir.official import definitions, official_shelf
from yigong.platform.fhir.terms.sets import Terminology
from yigong.platform.fhir.tests import desk
from yigong.platform.fhir.validation.profiles import ProfileChecker
from yigong.platform.fhir.validation.trees import Forest, Node, Unusable

CORE = "http://hl7.org/fhir/StructureDefinition/"
LOINC = "http://loinc.org"
Made = dict[str, dict[str, Any]]


class Shelves:
    """Definitions of a test before R4's own; with *bare* the official profiles come without their snapshots."""

    def __init__(self, made: Mapping[str, dict[str, Any]] | None = None, *, bare: bool = False) -> None:
        self.made, self.bare = made or {}, bare

    def _get(self, kind: str, url: str) -> Any:
        url = url.partition("|")[0]
        found = self.made.get(url) or official_shelf().get(kind, url)
        if self.bare and found and found.get("derivation") == "constraint":
            return {k: v for k, v in found.items() if k != "snapshot"}
        return found

    def structure(self, url: str) -> Any:
        """A StructureDefinition."""
        return self._get("StructureDefinition", url)

    def value_set(self, url: str) -> Any:
        """A ValueSet."""
        return self._get("ValueSet", url)

    def code_system(self, url: str) -> Any:
        """A CodeSystem."""
        return self._get("CodeSystem", url)


def profile(url: str, of: str, *elements: dict[str, Any], base: str = "", **facts: Any) -> dict[str, Any]:
    """A profile that has a differential only."""
    return {
        "resourceType": "StructureDefinition", "url": url, "name": url.rpartition("/")[2].rpartition(":")[2].title(), "status": "active",
        "kind": "resource", "abstract": False, "type": of, "derivation": "constraint", "baseDefinition": base or CORE + of,
        "differential": {"element": list(elements)}, **facts,
    }  # fmt: skip


def findings(made: Made, resource: dict[str, Any], url: str) -> list[tuple[str, str, str]]:
    """(severity, rule, place) of what a profile finds."""
    shelves = Shelves(made)
    one = ProfileChecker(definitions(), Forest(shelves), Terminology(shelves))
    return [(f.severity, f.rule, f.place) for f in one.check(resource, [url])]


def _differing(made: Node, given: Node, path: str) -> list[tuple[str, str]]:
    """Elements of which two trees say something else."""
    left_out = {"short", "mustSupport", "slicing", "sliceName", "constraint", "contentReference", "binding"}
    facts = (set(made.facts) | set(given.facts)) - left_out
    out = [(path, k) for k in sorted(facts) if made.facts.get(k) != given.facts.get(k)]
    for name, child in given.children.items():
        if name in made.children:
            out += _differing(made.children[name], child, f"{path}.{name}")
    for name, one in given.slices.items():
        out += (
            _differing(made.slices[name], one, f"{path}:{name}")
            if name in made.slices
            else [(f"{path}:{name}", "absent")]
        )
    return out


@pytest.mark.feature("C15")
def test_made_snapshots_are_as_the_official_ones() -> None:
    """From their differentials alone, all 439 profiles and extensions of R4 become what their published snapshots say.

    Three elements differ by the publisher's own doing (targets, a cardinality that loosens), and one profile renames an element.
    """
    shelf = official_shelf()
    given, made = Forest(Shelves()), Forest(Shelves(bare=True))
    out: list[tuple[str, str]] = []
    unusable: list[str] = []
    count = 0
    for key in shelf.places:
        kind, _, url = key.partition(" ")
        if kind != "StructureDefinition" or (shelf.get(kind, url) or {}).get("derivation") != "constraint":
            continue
        try:
            one, other = made.profile(url), given.profile(url)
        except Unusable:
            unusable.append(url.rpartition("/")[2])
            continue
        assert one is not None and other is not None
        count += 1
        out += _differing(one.root, other.root, url.rpartition("/")[2])
    assert (count, unusable) == (438, ["picoelement"])
    assert sorted(out) == [
        ("ehrsrle-auditevent.agent.who", "type"), ("ehrsrle-auditevent.source.observer", "type"),
        ("familymemberhistory-genetic.condition.note", "max"),
    ]  # fmt: skip


PRESSURE = CORE + "bp"


def pressure(**changed: Any) -> dict[str, Any]:
    """A blood pressure as R4's own profile wants it."""

    def part(code: str, value: float) -> dict[str, Any]:
        quantity = {"value": value, "unit": "mmHg", "system": "http://unitsofmeasure.org", "code": "mm[Hg]"}
        return {"code": {"coding": [{"system": LOINC, "code": code}]}, "valueQuantity": quantity}

    category = {
        "coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "vital-signs"}]
    }
    whole = {
        "resourceType": "Observation", "status": "final", "category": [category], "code": {"coding": [{"system": LOINC, "code": "85354-9"}]},
        "subject": {"reference": "Patient/p"}, "effectiveDateTime": "2026-03-01", "component": [part("8480-6", 120), part("8462-4", 80)],
    }  # fmt: skip
    return {k: v for k, v in {**whole, **changed}.items() if v is not None}


@pytest.mark.feature("C15")
@pytest.mark.parametrize(
    ("changed", "rule", "place"),
    [
        ({"effectiveDateTime": None}, "profile_min", "Observation.effective"),
        ({"category": [{"text": "生命体征"}]}, "profile_min", "Observation.category"),
        ({"subject": {"reference": "Group/g"}}, "profile_target", "Observation.subject"),
        ({"component": pressure()["component"][:1]}, "profile_min", "Observation.component"),
        ({"component": [pressure()["component"][0]] * 2}, "profile_max", "Observation.component"),
        ({"code": {"coding": [{"system": LOINC, "code": "8480-6"}]}}, "profile_min", "Observation.code.coding"),
    ],
)
def test_blood_pressure_by_the_official_profile(changed: dict[str, Any], rule: str, place: str) -> None:
    """What is as it should be has no finding; what is not has one with the rule and the place."""
    assert findings({}, pressure(), PRESSURE) == []
    assert ("error", rule, place) in findings({}, pressure(**changed), PRESSURE)


@pytest.mark.feature("C15")
def test_a_fixed_unit_inside_a_slice() -> None:
    """A wrong unit of the systolic part is found there, by the slice and by the value set of units."""
    wrong = copy.deepcopy(pressure())
    wrong["component"][0]["valueQuantity"]["code"] = "kPa"
    assert findings({}, wrong, PRESSURE) == [
        ("error", "profile_code_required", "Observation.component[0].value"),
        ("error", "profile_fixed", "Observation.component[0].value.code"),
    ]


COUNTY = "urn:test:county-patient"
CARD = "urn:oid:2.16.156.10011.1.19"
NATION = "urn:test:nation"
BASE: Made = {
    NATION: profile(
        NATION, "Extension", {"path": "Extension.url", "fixedUri": NATION}, {"path": "Extension.valueCode", "min": 1,
        "binding": {"strength": "required", "valueSet": "urn:test:nations"}}, kind="complex-type",
    ),
    "urn:test:nations": {"resourceType": "ValueSet", "url": "urn:test:nations", "compose": {"include": [
        {"system": "urn:test:n", "concept": [{"code": "01"}, {"code": "02"}]}]}},
    COUNTY: profile(
        COUNTY, "Patient",
        {"path": "Patient", "constraint": [{"key": "c-1", "severity": "error", "human": "姓名或电话", "expression": "name.exists() or telecom.exists()"}]},
        {"path": "Patient.extension", "slicing": {"discriminator": [{"type": "value", "path": "url"}], "rules": "open"}},
        {"path": "Patient.extension", "sliceName": "nation", "min": 1, "max": "1", "type": [{"code": "Extension", "profile": [NATION]}]},
        {"path": "Patient.identifier", "slicing": {"discriminator": [{"type": "value", "path": "system"}], "rules": "closed", "ordered": True}, "min": 1},
        {"path": "Patient.identifier", "sliceName": "card", "min": 1, "max": "1"},
        {"path": "Patient.identifier.system", "fixedUri": CARD},
        {"path": "Patient.identifier.value", "min": 1, "maxLength": 20},
        {"path": "Patient.identifier", "sliceName": "number", "max": "1"},
        {"path": "Patient.identifier.system", "patternUri": "urn:number"},
        {"path": "Patient.birthDate", "minValueDate": "1900-01-01"},
        {"path": "Patient.multipleBirth[x]", "type": [{"code": "integer"}]},
        {"path": "Patient.maritalStatus", "binding": {"strength": "example"},
         "patternCodeableConcept": {"coding": [{"system": "urn:m", "code": "20"}]}},
        {"path": "Patient.link", "max": "0"},
    ),
}  # fmt: skip
GOOD = {
    "resourceType": "Patient", "name": [{"text": "王秀兰"}], "identifier": [{"system": CARD, "value": "1"}, {"system": "urn:number", "value": "2"}],
    "extension": [{"url": NATION, "valueCode": "01"}, {"url": "urn:test:other", "valueString": "x"}], "birthDate": "1990",
    "maritalStatus": {"coding": [{"system": "urn:x", "code": "1"}, {"system": "urn:m", "code": "20", "display": "已婚"}]},
    "multipleBirthInteger": 1,
}  # fmt: skip
#: what is changed -> (rule, place)
WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"name": None}, "invariant:c-1", "Patient"),
    ({"extension": None}, "profile_min", "Patient.extension"),
    ({"extension": [{"url": NATION, "valueCode": "99"}]}, "profile_code_required", "Patient.extension[0].value"),
    ({"extension": [{"url": NATION, "valueString": "01"}]}, "profile_types", "Patient.extension[0].value"),
    ({"extension": [{"url": NATION}]}, "profile_min", "Patient.extension[0].value"),
    ({"identifier": [{"system": "urn:number", "value": "2"}]}, "profile_min", "Patient.identifier"),
    ({"identifier": [*GOOD["identifier"], {"system": "urn:foreign"}]}, "slice_closed", "Patient.identifier[2]"),  # type: ignore[misc]
    ({"identifier": GOOD["identifier"][::-1]}, "slice_order", "Patient.identifier"),  # type: ignore[index]
    ({"identifier": [{"system": CARD}]}, "profile_min", "Patient.identifier[0].value"),
    ({"identifier": [{"system": CARD, "value": "1" * 21}]}, "profile_length", "Patient.identifier[0].value"),
    ({"birthDate": "1899-12-31"}, "profile_least", "Patient.birthDate"),
    ({"multipleBirthInteger": None, "multipleBirthBoolean": True}, "profile_types", "Patient.multipleBirth"),
    ({"maritalStatus": {"coding": [{"system": "urn:m", "code": "10"}]}}, "profile_pattern", "Patient.maritalStatus"),
    ({"link": [{"other": {"reference": "Patient/x"}, "type": "seealso"}]}, "profile_max", "Patient.link"),
]


@pytest.mark.feature("C15")
@pytest.mark.parametrize(("changed", "rule", "place"), WRONG)
def test_a_profile_of_an_operator(changed: dict[str, Any], rule: str, place: str) -> None:
    """A differential alone holds: slices, an extension, fixed values and patterns, types, lengths, bounds, rules."""
    assert findings(BASE, GOOD, COUNTY) == []
    wrong = {k: v for k, v in {**GOOD, **changed}.items() if v is not None}
    assert ("error", rule, place) in findings(BASE, wrong, COUNTY)


def test_a_profile_upon_a_profile() -> None:
    """What the profile says that it is based on holds too; a circle and an absent base are said plainly."""
    upon: Made = {**BASE, "urn:u": profile("urn:u", "Patient", {"path": "Patient.gender", "min": 1}, base=COUNTY)}
    assert findings(upon, GOOD, "urn:u") == [("error", "profile_min", "Patient.gender")]
    assert ("error", "slice_closed", "Patient.identifier[0]") in findings(
        upon, {**GOOD, "gender": "female", "identifier": [{"system": "urn:foreign"}]}, "urn:u"
    )
    round_about: Made = {
        "urn:a": profile("urn:a", "Patient", base="urn:b"),
        "urn:b": profile("urn:b", "Patient", base="urn:a"),
    }
    assert findings(round_about, GOOD, "urn:a") == [("error", "profile_unusable", "Patient")]
    lost: Made = {"urn:a": profile("urn:a", "Patient", base="urn:none")}
    assert findings(lost, GOOD, "urn:a") == [("error", "profile_unusable", "Patient")]
    strange: Made = {"urn:a": profile("urn:a", "Patient", {"path": "Patient.soul", "min": 1})}
    assert findings(strange, GOOD, "urn:a") == [("error", "profile_unusable", "Patient")]
    assert findings(BASE, pressure(), COUNTY) == [("error", "profile_type", "Observation")]
    assert findings({}, GOOD, "urn:none") == [("error", "profile_unknown", "Patient")]


def _by(kind: str, path: str, *slices: dict[str, Any]) -> Made:
    slicing = {
        "path": "Observation.component",
        "slicing": {"discriminator": [{"type": kind, "path": path}], "rules": "closed"},
    }
    return {"urn:o": profile("urn:o", "Observation", slicing, *slices)}


QUANTITY = [
    {"path": "Observation.component", "sliceName": "q", "max": "1"}, {"path": "Observation.component.value[x]", "min": 1, "type": [{"code": "Quantity"}]},
]  # fmt: skip
CODED = [
    QUANTITY[0], {"path": "Observation.component.code", "patternCodeableConcept": {"coding": [{"code": "c"}]}},
]  # fmt: skip
PART: dict[str, Any] = {"code": {"coding": [{"system": "urn:x", "code": "c"}]}, "valueQuantity": {"value": 1}}


@pytest.mark.feature("C15")
@pytest.mark.parametrize(
    ("made", "other"),
    [
        (_by("type", "value", *QUANTITY), {"valueQuantity": None, "valueString": "x"}),
        (_by("pattern", "code", *CODED), {"code": {"coding": [{"code": "d"}]}}),
        (_by("value", "code", *CODED), {"code": {"text": "c"}}),
        (_by("exists", "value", *QUANTITY), {"valueQuantity": None}),
    ],
)
def test_slices_are_told_apart(made: Made, other: dict[str, Any]) -> None:
    """By type, pattern, value or presence: one of the slice is let in, a second is one too many, another kind is of none."""
    observation = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}, "component": [PART]}
    assert findings(made, observation, "urn:o") == []
    assert findings(made, {**observation, "component": [PART, PART]}, "urn:o") == [
        ("error", "profile_max", "Observation.component")
    ]
    foreign = {k: v for k, v in {**PART, **other}.items() if v is not None}
    assert findings(made, {**observation, "component": [foreign]}, "urn:o") == [
        ("error", "slice_closed", "Observation.component[0]")
    ]


@pytest.mark.feature("C15")
def test_slices_by_what_is_referred_to() -> None:
    """Performers are told apart by the type of resource they point to."""
    made: Made = {"urn:o": profile(
        "urn:o", "Observation",
        {"path": "Observation.performer", "slicing": {"discriminator": [{"type": "type", "path": "resolve()"}], "rules": "open"}},
        {"path": "Observation.performer", "sliceName": "org", "min": 1, "type": [{"code": "Reference", "targetProfile": [CORE + "Organization"]}]},
    )}  # fmt: skip
    observation = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}
    both = {**observation, "performer": [{"reference": "Practitioner/1"}, {"reference": "Organization/1"}]}
    assert findings(made, both, "urn:o") == []
    alone = {**observation, "performer": both["performer"][:1]}  # type: ignore[index]
    assert findings(made, alone, "urn:o") == [("error", "profile_min", "Observation.performer")]


def test_a_pattern_of_a_profile_costs_no_time() -> None:
    """An expression that would take an engine that goes back for ever is answered at once, or said not to be computed."""
    slow = {"key": "k", "severity": "error", "human": "h", "expression": "id.matches('^(a+)+$')"}
    made: Made = {"urn:p": profile("urn:p", "Patient", {"path": "Patient", "constraint": [slow]})}
    assert findings(made, {"resourceType": "Patient", "id": "a" * 60 + "-"}, "urn:p") == [
        ("error", "invariant:k", "Patient")
    ]
    behind = {**slow, "expression": r"id.matches('(a)\\1')"}
    made = {"urn:p": profile("urn:p", "Patient", {"path": "Patient", "constraint": [behind]})}
    assert findings(made, {"resourceType": "Patient", "id": "aa"}, "urn:p") == [
        ("information", "uncomputed:k", "Patient")
    ]


@pytest.mark.feature("C15")
def test_an_extension_stands_where_its_definition_says() -> None:
    """Elements of a resource, of a type and primitives: elsewhere it is warned about, and its own content is checked everywhere."""
    prefix, nation = f"{CORE}humanname-own-prefix", f"{CORE}patient-nationality"
    name = {"family": "van Dyk", "_family": {"extension": [{"url": prefix, "valueString": "van"}]}}

    def found(resource: dict[str, Any]) -> list[tuple[str, str, str]]:
        one = ProfileChecker(definitions(), Forest(Shelves()), Terminology(Shelves()))
        return [(f.severity, f.rule, f.place) for f in one.extensions(resource)]

    country = {"url": nation, "extension": [{"url": "code", "valueCodeableConcept": {"text": "CN"}}]}
    assert found({"resourceType": "Patient", "name": [name], "extension": [country]}) == []
    assert found({"resourceType": "Practitioner", "extension": [country]}) == [
        ("warning", "extension_place", "Practitioner.extension[0]")
    ]
    moved = {"given": ["x"], "_given": [{"extension": [{"url": prefix, "valueString": "van"}]}]}
    assert found({"resourceType": "Patient", "name": [moved]}) == [
        ("warning", "extension_place", "Patient.name[0].given[0].extension[0]")
    ]
    wrong = {"family": "x", "_family": {"extension": [{"url": prefix, "valueBoolean": True}]}}
    assert found({"resourceType": "Patient", "name": [wrong]}) == [
        ("error", "profile_types", "Patient.name[0].family.extension[0].value")
    ]


@pytest.mark.feature("C15")
def test_official_examples_conform_to_what_they_claim() -> None:
    """Every official example passes the profiles that it claims and the definitions of its extensions."""
    claimed = 0
    for path in sorted(shared("samples/fhir_r4").glob("*.json")):
        resource = json.loads(path.read_bytes())
        urls = (resource.get("meta") or {}).get("profile") or []
        claimed += len(urls)
        one = ProfileChecker(definitions(), Forest(Shelves()), Terminology(Shelves()))
        one.check(resource, urls)
        assert [f for f in one.extensions(resource) if f.severity == "error"] == [], path.name
    assert claimed >= 9


# ---- by HTTP ----


@pytest.fixture
def api(db: Any) -> desk.Api:
    """A program that may do everything."""
    desk.county()
    return desk.Api(desk.application())


@pytest.mark.feature("C15")
def test_a_profile_is_written_and_validated_against(api: desk.Api) -> None:
    """What a program writes is used at once: asked for, claimed in meta, in its newest version or in the version named."""
    for one in BASE.values():
        kind = one["resourceType"]
        api.post(kind, one if kind == "StructureDefinition" else {**one, "status": "active"})
    said = api.post(f"Patient/$validate?profile={COUNTY}", GOOD, 200)["issue"]
    assert [i["severity"] for i in said] == ["information"]
    wrong = {**GOOD, "extension": [{"url": NATION, "valueCode": "99"}], "meta": {"profile": [COUNTY]}}
    found = api.post("Patient/$validate", wrong, 200)["issue"]
    assert (found[0]["severity"], found[0]["code"], found[0]["expression"]) == (
        "error",
        "code-invalid",
        ["Patient.extension[0].value"],
    )
    assert "urn:test:nations" in found[0]["details"]["text"] and "required value set" in found[0]["diagnostics"]
    two = profile(COUNTY, "Patient", {"path": "Patient.gender", "min": 1}, version="2")
    api.post("StructureDefinition", two)
    assert api.post("Patient/$validate", wrong, 200)["issue"][0]["expression"] == ["Patient.gender"]
    asked = {"resourceType": "Parameters", "parameter": [
        {"name": "resource", "resource": GOOD}, {"name": "profile", "valueUri": f"{COUNTY}|3"}]}  # fmt: skip
    assert api.post("Patient/$validate", asked, 200)["issue"][0]["code"] == "not-supported"
    stored = api.post("Patient", GOOD)["id"]
    assert api.get(f"Patient/{stored}/$validate?profile={COUNTY}|2")["issue"][0]["code"] == "required"


@pytest.mark.feature("C15")
def test_what_lies_inside_is_held_to_what_it_claims(api: desk.Api) -> None:
    """Resources of a Bundle and contained ones are checked by their own meta.profile, with the place from the outermost."""
    wrong = pressure(subject={"reference": "Group/g"}) | {"meta": {"profile": [PRESSURE]}}
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": GOOD}, {"resource": wrong}]}
    found = api.post("Bundle/$validate", bundle, 200)["issue"]
    assert [i["expression"] for i in found if i["severity"] == "error"] == [["Bundle.entry[1].resource.subject"]]
    holder = {
        "resourceType": "DiagnosticReport", "status": "final", "code": {"text": "x"}, "contained": [{**wrong, "id": "o"}],
        "result": [{"reference": "#o"}],
    }  # fmt: skip
    found = api.post("DiagnosticReport/$validate", holder, 200)["issue"]
    assert [i["expression"] for i in found if i["severity"] == "error"] == [["DiagnosticReport.contained[0].subject"]]
