"""The quick look at a resource says yes only where the checker finds nothing."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.shared import shared
from yigong.platform.fhir.official import definitions
from yigong.platform.fhir.tests import desk
from yigong.platform.fhir.tests.test_profiles import pressure
from yigong.platform.fhir.validating import checker, glance

pytestmark = pytest.mark.feature("C15")
ODD: list[Any] = [
    None,
    "",
    " ",
    "a b",
    "x",
    "a\x00b",
    1,
    -1,
    1.5,
    True,
    [],
    {},
    ["x"],
    [None],
    {"x": 1},
    [{}],
    "2026-13-01",
    {"reference": "#a"},
    '<div xmlns="http://www.w3.org/1999/xhtml"><script>x</script></div>',
]
DIV = '<div xmlns="http://www.w3.org/1999/xhtml">{}</div>'
SOUND: list[dict[str, Any]] = [
    {"resourceType": "Patient", "id": "p", "text": {"status": "generated", "div": DIV.format("<p>王秀兰</p>")}, "managingOrganization": {"reference": "Organization/1"}},
    {**desk.PATIENT, "deceasedBoolean": False, "contact": [{"name": {"text": "王强"}, "gender": "male"}], "multipleBirthInteger": 1},
    desk.observation("p", note=[{"text": "复查"}], performer=[{"reference": "Practitioner/1"}]),
    pressure(),
    {"resourceType": "Encounter", "status": "finished", "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"}},
    {"resourceType": "MedicationRequest", "status": "active", "intent": "order", "medicationCodeableConcept": {"text": "阿司匹林"}, "subject": {"reference": "Patient/p"}},
]  # fmt: skip


def changed(value: Any, root: Any, path: tuple[Any, ...] = ()) -> Iterator[Any]:
    """The whole with each part of it taken out, made odd, or joined by something unknown."""
    if path:
        for odd in ODD:
            yield _with(root, path, odd)
        yield _with(root, path, value, out=True)
    if isinstance(value, dict):
        for name in ("unknown", "_status", "valueString", "id", "resourceType"):
            yield _with(root, (*path, name), "x")
        for name, inner in value.items():
            yield from changed(inner, root, (*path, name))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from changed(inner, root, (*path, number))


def _with(root: Any, path: tuple[Any, ...], value: Any, *, out: bool = False) -> Any:
    made = copy.deepcopy(root)
    at = made
    for step in path[:-1]:
        at = at[step]
    if out:
        del at[path[-1]]
    else:
        at[path[-1]] = value
    return made


@pytest.mark.parametrize("sound", SOUND, ids=lambda r: str(r["resourceType"]))
def test_what_passes_at_a_glance_has_no_finding(sound: dict[str, Any]) -> None:
    """A sound resource passes; of all ways to spoil it, what passes is what the checker lets pass without a word."""
    assert glance().is_clean(sound) and checker().check(sound) == []
    count = passed = 0
    for one in changed(sound, sound):
        count += 1
        passed += glance().is_clean(one)
        assert not glance().is_clean(one) or checker().check(one) == [], one
    assert count > 90 and passed < count / 2


def test_most_official_examples_pass_at_a_glance() -> None:
    """None passes that has a finding; of those without, all but the ones with contained resources or extended primitives do."""
    examples = [json.loads(f.read_bytes()) for f in sorted(shared("samples/fhir_r4").glob("*.json"))]
    known = [r for r in examples if isinstance(r, dict) and r.get("resourceType") in definitions().parameters]
    clean = [r for r in known if checker().check(r) == []]
    quick = [r for r in known if glance().is_clean(r)]
    assert all(r in clean for r in quick) and len(quick) > len(clean) * 0.6
