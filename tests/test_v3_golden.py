"""Golden replies of the declared v3 services: our own messages, their replies kept, so that a change of a reply is seen.

``YIGONG_GOLDEN=write pytest -n 0 tests/test_v3_golden.py`` writes the files anew; what differs is then read in the diff.
"""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from lxml import etree

from yigong.platform.conformance.preparing import before
from yigong.platform.hl7v3.api import example, specs
from yigong.platform.hl7v3.tests import hospital

FOLDER = Path(__file__).parent / "golden/v3"
AT = datetime(2026, 3, 1, 8, tzinfo=UTC)
#: a transfer does not say who the patient is: the registration did
KNOWN = {"H0712": "H0201"}
#: what is new in every reply: the number that the platform gives it, and moments of its clock
NEW = (
    (re.compile(r'(<creationTime value=")[^"]*'), r"\1MOMENT"),
    (re.compile(r"20[0-9]{15,}[0-9A-F]*"), "NUMBER"),
    (re.compile(r"\bYG[0-9]{15}\b"), "YG-NUMBER"),
    (re.compile(r'(?<=[">])[0-9a-z]{13}(?=["<])'), "TOKEN"),
    (re.compile(r"\b20[0-9]{2}(?!260301)[0-9]{10}\b"), "MOMENT"),
    (re.compile(r"\b20[0-9]{2}-[0-9]{2}-[0-9]{2}(?= 目录共)"), "TODAY"),
)


def settled(reply: etree._Element) -> str:
    """A reply as text, one element a line, without what is new in every reply."""
    etree.indent(reply)
    text = etree.tostring(reply, encoding="unicode")
    for pattern, instead in NEW:
        text = pattern.sub(instead, text)
    return text


def replies(caller: hospital.Caller, key: str) -> str:
    """What a service answers to a request it can carry out, to the same once more, and to one that says nothing."""
    spec = specs()[key]
    message = example(spec, f"GOLD-{key}", AT)
    listed = list(specs().values())
    adding = [each for each in listed[: listed.index(spec)] if each.verb == "add" and each.edition == spec.edition]
    if key in KNOWN:
        caller(KNOWN[key], example(specs()[KNOWN[key]], f"GOLD-{key}-1", AT))
    if spec.verb != "add":  # what the service speaks of is registered by the one before it
        caller(adding[-1].key, example(adding[-1], f"GOLD-{key}-0", AT))
    for needed, first in before(spec, message, "accept", AT) if spec.verb == "merge" or spec.edition == "local" else ():
        caller(needed.key, first)
    told = {
        "carried_out": message,
        "repeated": example(spec, f"GOLD-{key}-2", AT),
        "empty": example(spec, f"GOLD-{key}-3", AT, {}),
    }
    return "".join(f"<!-- {name} -->\n{settled(caller(key, text))}\n" for name, text in told.items())


@pytest.mark.feature("C14")
@pytest.mark.parametrize("key", list(specs()))
def test_a_reply_is_what_it_was(caller: hospital.Caller, key: str) -> None:
    """The three replies of each declared service are, but for numbers and moments, those that are kept."""
    file, now = FOLDER / f"{key}.xml", replies(caller, key)
    if os.environ.get("YIGONG_GOLDEN") == "write":
        file.write_text(now, "utf-8")
    assert now == file.read_text("utf-8")


@pytest.mark.feature("C14")
def test_every_service_has_its_replies() -> None:
    """A file for each service and none besides; every first request is carried out."""
    assert {f.stem for f in FOLDER.glob("*.xml")} == set(specs())
    refused = [f.stem for f in FOLDER.glob("*.xml") if _first(f).rpartition(":")[2] not in ("AA", "Success")]
    assert sorted(refused) == ["YG-EHR-03"]  # custody passes to another institution, and the only one there has it


def _first(file: Path) -> str:
    """The word of the first reply."""
    return hospital.type_code(
        next(etree.fromstring(f"<all>{file.read_text('utf-8')}</all>").iterchildren(etree.Element))
    )


@pytest.fixture
def caller(db: None) -> hospital.Caller:
    """A client of the county hospital, inside the test's transaction."""
    hospital.institutions()
    made, secret = hospital.application()
    return hospital.Caller(made.code, secret)
