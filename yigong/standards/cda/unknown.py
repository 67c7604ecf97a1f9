"""What may not be said to be unknown: rules of our own, YG-CDA-01 to 04, for the facts only say that R is required and R2 is where known.

A required place may say by nullFlavor that nothing is known. A document of which nothing, or hardly anything, is known tells
a reader nothing, and is not passed by the conformance desk. It is no error: it may be issued and read.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from fractions import Fraction
from typing import Any

from lxml import etree

from yigong.standards.cda.checks import Found, found

#: YG-CDA-02: of the required places so many at most may be unknown
MOST = Fraction(1, 3)
#: YG-CDA-01: never unknown (the numbers of document, patient and institution, the time and the title are the head's own rules)
NEVER = (
    "/ClinicalDocument/recordTarget/patientRole/patient/name",
    "/ClinicalDocument/author/time",
    "/ClinicalDocument/author/assignedAuthor/assignedPerson/name",
)
#: YG-CDA-03: elements that are diagnoses, by code or name, of western and of Chinese medicine
DIAGNOSES = frozenset(
    ["DE05.01.021.00", "DE05.01.024.00", "DE05.01.025.00", "DE05.10.007.00", "DE05.10.130.00", "DE05.10.172.00"]
)
#: rules that keep a document from passing although they are no errors
BARRING = frozenset(["required_blank", "unknown_never", "unknown_share", "unknown_diagnosis", "content_missing"])
Place = tuple[Any, etree._Element]  # a declared place and what stands there


def unknown(root: etree._Element, filled: Collection[Any], unsaid: Collection[Place], required: int) -> Iterator[Found]:
    """What is wrong with the places that are said to be unknown, *unsaid*, beside those that are *filled*."""
    for place, node in unsaid:
        if place.xpath in NEVER:
            yield found("unknown_never", node, name=(place.name_zh, place.name_en))
    if len(unsaid) > MOST * required:
        yield found("unknown_share", root, value=str(len(unsaid)), more=required)
    diagnoses = [(place, node) for place, node in unsaid if place.element_id in DIAGNOSES]
    if diagnoses and not any(place.element_id in DIAGNOSES for place in filled):
        place, node = diagnoses[0]
        yield found("unknown_diagnosis", node, name=(place.name_zh, place.name_en), more=len(diagnoses))


def silent(root: etree._Element) -> Found:
    """YG-CDA-04: a kind without required places in the facts must still say something in its body."""
    body = root.find("component/structuredBody")
    return found("content_missing", body if body is not None else root)
