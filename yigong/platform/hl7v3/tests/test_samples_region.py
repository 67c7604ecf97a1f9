"""The messages of the regional evaluation: those that must succeed do, those that must be refused are, and replies fit the schemas."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest
from lxml import etree

from tests.shared import ROOT, shared
from yigong.platform.hl7v3.tests.hospital import Caller, detail, person, type_code

FOLDER = next((p for p in (ROOT.parent / "shared/samples/v3_region",) if p.exists()), None)
SAMPLES = sorted(p.name for p in FOLDER.glob("EHR-PL-*.xml")) if FOLDER else ["absent"]


@cache
def schema(root: str) -> etree.XMLSchema:
    """The schema of a reply."""
    return etree.XMLSchema(etree.parse(str(shared(f"samples/v3_region_xsd/multicacheschemas/{root}.xsd"))))


def fits(reply: etree._Element) -> None:
    """Fails unless the reply is valid."""
    found = schema(etree.QName(reply).localname)
    assert found.validate(reply), (found.error_log, etree.tostring(reply, encoding="unicode"))


def sample(name: str) -> bytes:
    """The bytes of a sample."""
    return (shared("samples/v3_region") / name).read_bytes()


def key_of(name: str) -> str:
    """The service of a sample."""
    return re.match(r"EHR-PL-\d\d", name).group()  # type: ignore[union-attr]


def named(begin: str) -> bytes:
    """The sample whose name begins so; skips where the samples are absent."""
    shared("samples/v3_region")
    return sample(next(n for n in SAMPLES if n.startswith(begin)))


def another(message: bytes, **changes: str) -> bytes:
    """The same message with some words replaced, and with an id of its own."""
    text = message.decode()
    for old, new in changes.items():
        text = text.replace(old, new)
    return text.encode()


def prepare(caller: Caller, name: str) -> None:
    """What the evaluation has in place before it sends a sample."""
    match key_of(name):
        case "EHR-PL-02":
            caller("EHR-PL-01", person("患者ID", message_id="before"))
        case "EHR-PL-03":
            for at, local in enumerate(("患者ID", "患者ID2")):
                assert type_code(caller("EHR-PL-01", person(local, name="测试四一", message_id=f"before-{at}"))) == "AA"
        case "EHR-PL-04":
            caller("EHR-PL-01", person("患者ID", message_id="before"))
        case "EHR-PL-05" | "EHR-PL-06" | "EHR-PL-07":
            first = another(named("EHR-PL-05"), **{"8D73520B": "0D73520B"})
            assert type_code(caller("EHR-PL-05", first)) == "AA"
        case "EHR-PL-11":
            caller("EHR-PL-10", named("EHR-PL-10"))
        case "EHR-PL-12":
            before = another(named("EHR-PL-10"), **{'extension="1234567890"': 'extension="350211B1009"'})
            assert type_code(caller("EHR-PL-10", before)) == "AA"
        case "EHR-PL-14":
            _submit(caller, Title="住院摘要", IdentityId="35078119511015422X")
        case "EHR-PL-15":
            _submit(caller, SourceId="AA998FB6CFE04F4EAEB129F9CCF952EB", UniqueId="HSDC00.03")
        case "EHR-PL-18" | "EHR-PL-19":
            _submit(caller, Title="门诊摘要", IdentityId="350781199002050130")
        case "EHR-PL-20":
            _submit(caller, SourceId="35020300600202309", UniqueId="HSDC00.02")


def _submit(caller: Caller, **facts: str) -> None:
    text = named("EHR-PL-16").decode()
    for tag, value in facts.items():
        text = re.sub(f"<{tag}>[^<]*</{tag}>", f"<{tag}>{value}</{tag}>", text)
    assert type_code(caller("EHR-PL-16", text)) == "AA"


@pytest.mark.feature("C14", "C15", "B02", "B03")
@pytest.mark.parametrize("name", SAMPLES)
def test_each_sample_is_answered_as_the_evaluation_wants(caller: Caller, name: str) -> None:
    """-T succeeds with AA, -F is refused with AE and a reason, and every reply is valid by the region's schemas."""
    message = sample(name)
    prepare(caller, name)
    reply = caller(key_of(name), message)
    wanted = "AA" if "-T" in name else "AE"
    assert type_code(reply) == wanted, detail(reply)
    assert detail(reply)
    fits(reply)


@pytest.mark.feature("C14")
@pytest.mark.parametrize("name", SAMPLES)
def test_each_sample_without_its_content_is_refused_in_a_valid_reply(caller: Caller, name: str) -> None:
    """A message that keeps only its head says nothing that could be done; the refusal names the place and fits the schema."""
    tree = etree.fromstring(sample(name))
    for child in list(tree):
        if etree.QName(child).localname not in ("id", "ID", "Id", "creationTime", "interactionId"):
            tree.remove(child)
    reply = caller(key_of(name), etree.tostring(tree))
    assert type_code(reply) == "AE", etree.tostring(reply)
    assert re.search("缺少|没有给出", detail(reply)), detail(reply)
    fits(reply)


@pytest.mark.feature("C14")
def test_a_sample_is_found_by_the_action_names_of_the_older_test(caller: Caller) -> None:
    """At the common address the action says which service is meant, whichever of its names is used."""
    reply = caller("HIPService", named("EHR-PL-01"), action="PatientRegistryAddRequest")
    assert (type_code(reply), etree.QName(reply).localname) == ("AA", "PRPA_IN201312UV02")
    again = caller("HIPService", another(named("EHR-PL-01"), **{"22a0f9e0": "32a0f9e0"}), action="")
    assert (type_code(again), etree.QName(again).localname) == ("AE", "PRPA_IN201313UV02")
    assert Path(ROOT).exists()
