"""Value sets that are defined by filters, imports and exclusions, and the hierarchies behind them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yigong.platform.fhir.terms.sets import Terminology
from yigong.platform.fhir.terms.systems import System, Unknown, Unusable
from yigong.platform.fhir.tests import desk
from yigong.platform.fhir.tests.desk import Api
from yigong.platform.fhir.tests.test_terminology import value

URL = "urn:test:disease"


def concept(code: str, display: str, *inside: dict[str, Any], **properties: str) -> dict[str, Any]:
    """A concept with text properties."""
    listed = [{"code": k, "valueString": v} for k, v in properties.items()]
    return {
        "code": code,
        "display": display,
        **({"property": listed} if listed else {}),
        **({"concept": list(inside)} if inside else {}),
    }


SYSTEM: dict[str, Any] = {
    "resourceType": "CodeSystem", "url": URL, "version": "1", "status": "active", "content": "complete", "title": "疾病",
    "concept": [
        concept("A", "传染病", concept("A1", "结核", concept("A11", "肺结核", site="lung")), concept("A2", "霍乱", site="gut", status="retired")),
        concept("B", "肿瘤", concept("B1", "肺癌", site="lung", grade="high")),
        {"code": "C", "display": "两者", "property": [{"code": "parent", "valueCode": "A1"}, {"code": "parent", "valueCode": "B"}]},
    ],
}  # fmt: skip
#: filters -> codes that are kept
FILTERS: list[tuple[list[tuple[str, str, str]], str]] = [
    ([("concept", "is-a", "A1")], "A1 A11 C"),
    ([("concept", "descendent-of", "A")], "A1 A11 A2 C"),
    ([("concept", "is-not-a", "A")], "B B1"),
    ([("concept", "generalizes", "A11")], "A A1 A11"),
    ([("concept", "generalizes", "C")], "A A1 B C"),
    ([("parent", "=", "A")], "A1 A2"),
    ([("child", "=", "C")], "A1 B"),
    ([("site", "=", "lung")], "A11 B1"),
    ([("site", "in", "gut, skin")], "A2"),
    ([("site", "not-in", "lung")], "A A1 A2 B C"),
    ([("site", "exists", "true")], "A11 A2 B1"),
    ([("grade", "exists", "false"), ("concept", "is-a", "B")], "B C"),
    ([("code", "regex", "[AB]1+")], "A1 A11 B1"),
    ([("display", "regex", "肺.*")], "A11 B1"),
    ([("concept", "is-a", "A"), ("site", "=", "lung")], "A11"),
    ([("concept", "=", "A2")], "A2"),
]


class Sources:
    """One code system and some value sets."""

    def __init__(self, sets: dict[str, dict[str, Any]] | None = None) -> None:
        self.sets = sets or {}

    def value_set(self, url: str) -> Any:
        """A value set."""
        compose = self.sets.get(url)
        return {"url": url, "compose": compose} if compose else None

    def code_system(self, url: str) -> Any:
        """The code system."""
        return SYSTEM if url.partition("|")[0] == URL else None


def filtered(*filters: tuple[str, str, str]) -> dict[str, Any]:
    """An include of the system with filters."""
    return {"system": URL, "filter": [{"property": p, "op": o, "value": v} for p, o, v in filters]}


def codes(compose: dict[str, Any], **sets: dict[str, Any]) -> str:
    """The codes of a definition, in their order."""
    return " ".join(c for _, c in Terminology(Sources(sets)).codes({"compose": compose}))


@pytest.mark.feature("C15")
@pytest.mark.parametrize(("filters", "kept"), FILTERS)
def test_filters(filters: list[tuple[str, str, str]], kept: str) -> None:
    """Each filter keeps what the standard says; a code is in the set exactly when the expansion has it."""
    compose = {"include": [filtered(*filters)]}
    assert sorted(codes(compose).split()) == kept.split()
    terms = Terminology(Sources({"v": compose}))
    assert [c for c in System(SYSTEM).concepts if terms.holds("v", URL, c)] == [
        c for _, c in terms.codes({"compose": compose})
    ]


@pytest.mark.feature("C15")
def test_imports_and_exclusions() -> None:
    """Parts of an include narrow each other, includes add up, what is excluded goes, what is no longer used may be left out."""
    lung = {"include": [filtered(("site", "=", "lung"))]}
    infections = {"include": [filtered(("concept", "is-a", "A"))]}
    assert codes({"include": [{"valueSet": ["l", "i"]}]}, l=lung, i=infections) == "A11"
    assert codes({"include": [{"valueSet": ["l"]}, {"valueSet": ["i"]}]}, l=lung, i=infections) == "A11 B1 A A1 A2 C"
    assert codes({**infections, "exclude": [{"valueSet": ["l"]}, filtered(("concept", "=", "C"))]}, l=lung) == "A A1 A2"
    assert codes({**infections, "inactive": False}) == "A A1 A11 C"
    assert (
        codes({"include": [{"system": "urn:none", "concept": [{"code": "x"}]}, {"valueSet": ["l"]}]}, l=lung)
        == "x A11 B1"
    )
    terms = Terminology(Sources({"v": {"include": [{"system": "urn:none"}, {"valueSet": ["l"]}]}, "l": lung}))
    assert terms.holds("v", URL, "B1") is True
    with pytest.raises(Unknown):
        terms.holds("v", "urn:none", "x")
    with pytest.raises(Unknown):
        terms.named("v")
    with pytest.raises(Unusable):
        codes({"include": [{"valueSet": ["v"]}]}, v={"include": [{"valueSet": ["v"]}]})


@pytest.mark.parametrize(
    "wrong", [("concept", "is-a", "Z"), ("site", "is-a", "lung"), ("code", "near", "A"), ("code", "regex", "("), ("code", "regex", r"(?=a)\1")]
)  # fmt: skip
def test_a_filter_that_means_nothing(wrong: tuple[str, str, str]) -> None:
    """A code that is not there, a property without hierarchy, an operation of nobody, a broken expression: refused with a sentence."""
    with pytest.raises(Unusable) as refused:
        codes({"include": [filtered(wrong)]})
    assert refused.value.zh and refused.value.en


@given(st.dictionaries(st.integers(0, 12), st.lists(st.integers(0, 12), max_size=3), max_size=13))
def test_hierarchies_may_have_any_shape(parents: dict[int, list[int]]) -> None:
    """What is above and what is below say the same, through several parents and in circles too."""
    listed = [
        {"code": str(c), "property": [{"code": "parent", "valueCode": str(p)} for p in above]}
        for c, above in parents.items()
    ]
    system = System({"url": "u", "concept": listed})
    for one in system.concepts:
        for other in system.concepts:
            assert (other in system.below(one)) == (one in system.above(other))


# ---- by HTTP ----


@pytest.fixture
def api(db: None) -> Api:
    """A program that may do everything, with the code system written."""
    desk.county()
    made = Api(desk.application())
    made.post("CodeSystem", SYSTEM)
    return made


@pytest.mark.feature("C15")
def test_a_filtered_set_is_expanded_page_by_page(api: Api) -> None:
    """Pages add up to the whole; words narrow; a set that was brought along is expanded too; a code is judged by it."""
    compose = {"include": [filtered(("concept", "is-a", "A"))]}
    api.post("ValueSet", {"resourceType": "ValueSet", "status": "active", "url": "urn:v", "compose": compose})
    pages = [api.get(f"ValueSet/$expand?url=urn:v&count=2&offset={n}")["expansion"] for n in (0, 2, 4, 6)]
    assert [[c["code"] for c in p.get("contains", ())] for p in pages] == [["A", "A1"], ["A11", "A2"], ["C"], []]
    assert {p["total"] for p in pages} == {5}
    found = api.get("ValueSet/$expand?url=urn:v&filter=结核 肺")["expansion"]
    assert [c["display"] for c in found["contains"]] == ["肺结核"]
    retired = api.get("ValueSet/$expand?url=urn:v")["expansion"]["contains"][3]
    assert (retired["code"], retired["inactive"]) == ("A2", True)
    assert api.get("ValueSet/$expand?url=urn:v&activeOnly=true")["expansion"]["total"] == 4
    brought = {
        "resourceType": "ValueSet",
        "status": "active",
        "compose": {"include": [filtered(("site", "=", "lung"))]},
    }
    asked = {"resourceType": "Parameters", "parameter": [{"name": "valueSet", "resource": brought}]}
    assert api.post("ValueSet/$expand", asked, 200)["expansion"]["total"] == 2
    for code, result in (("A11", True), ("B1", False)):
        assert value(api.get(f"ValueSet/$validate-code?url=urn:v&system={URL}&code={code}"), "result") is result
    concept_ = {"coding": [{"system": "urn:x", "code": "1"}, {"system": URL, "code": "A1"}]}
    asked = {"resourceType": "Parameters", "parameter": [
        {"name": "url", "valueUri": "urn:v"}, {"name": "codeableConcept", "valueCodeableConcept": concept_}]}  # fmt: skip
    assert value(api.post("ValueSet/$validate-code", asked, 200), "result") is True


@pytest.mark.feature("C15")
def test_a_set_that_costs_too_much_or_is_not_known(api: Api) -> None:
    """More codes than an answer holds are given only by pages; a set over a system that nobody brought says which."""
    many = [{"code": f"c{n}"} for n in range(1001)]
    api.post("CodeSystem", {**SYSTEM, "url": "urn:many", "concept": many})
    for name, system in (("urn:many-set", "urn:many"), ("urn:lost-set", "urn:lost")):
        compose = {"include": [{"system": system}]}
        api.post("ValueSet", {"resourceType": "ValueSet", "status": "active", "url": name, "compose": compose})
    assert api.get("ValueSet/$expand?url=urn:many-set", 422)["issue"][0]["code"] == "too-costly"
    assert len(api.get("ValueSet/$expand?url=urn:many-set&count=2000")["expansion"]["contains"]) == 1000
    assert api.get("ValueSet/$expand?url=urn:many-set&filter=c77")["expansion"]["total"] == 11
    said = api.get("ValueSet/$expand?url=urn:lost-set", 422)["issue"][0]
    assert said["code"] == "not-found" and "urn:lost" in said["diagnostics"]


@pytest.mark.feature("C15")
def test_subsumption_and_lookup(api: Api) -> None:
    """What one code is to another, and what a code is part of; official sets are there without being published."""
    for one, other, outcome in (
        ("A", "A11", "subsumes"),
        ("A11", "A", "subsumed-by"),
        ("A", "A", "equivalent"),
        ("A", "B1", "not-subsumed"),
        ("B", "C", "subsumes"),
    ):
        assert value(api.get(f"CodeSystem/$subsumes?system={URL}&codeA={one}&codeB={other}"), "outcome") == outcome
    api.get(f"CodeSystem/$subsumes?system={URL}&codeA=A&codeB=Z", 404)
    api.get(f"CodeSystem/$subsumes?system={URL}&codeA=A", 400)
    asked = {"resourceType": "Parameters", "parameter": [
        {"name": "codingA", "valueCoding": {"system": URL, "code": "A"}}, {"name": "codingB", "valueCoding": {"system": URL, "code": "C"}}]}  # fmt: skip
    assert value(api.post("CodeSystem/$subsumes", asked, 200), "outcome") == "subsumes"
    told = api.get(f"CodeSystem/$lookup?system={URL}&code=A1")["parameter"]
    properties = [(p["part"][0]["valueCode"], p["part"][1]["valueCode"]) for p in told if p["name"] == "property"]
    assert properties == [("parent", "A"), ("child", "A11"), ("child", "C")]
    acts = "http://terminology.hl7.org/ValueSet/v3-ActEncounterCode"
    assert "IMP" in {c["code"] for c in api.get(f"ValueSet/$expand?url={acts}")["expansion"]["contains"]}
