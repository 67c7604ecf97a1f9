"""Holds writes to the profiles that they claim in ``meta.profile``: those that were brought; others are only remarked upon."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from yigong.kit.errors import Refused
from yigong.platform.fhir import library
from yigong.platform.fhir.official import definitions
from yigong.platform.fhir.store import Draft
from yigong.platform.fhir.terms.sets import Terminology
from yigong.platform.fhir.validating import claimed
from yigong.platform.fhir.validation.findings import Finding, found
from yigong.platform.fhir.validation.profiles import ProfileChecker
from yigong.platform.fhir.validation.trees import Forest


class Judge:
    """Judges the resources of one write; each definition is looked for once."""

    def __init__(self, resources: Iterable[Mapping[str, Any]]) -> None:
        urls = {_address(url) for one in resources for url in claimed(one)}
        self.brought = library.brought(urls) if urls else frozenset()
        shelves = library.Library(partial(library.definition, brought=True))
        self._forest, self._terminology = Forest(shelves), Terminology(shelves)

    def findings(self, resource: Mapping[str, Any]) -> list[Finding]:
        """What its profiles say of it; a claim that nobody here can judge is a warning. Raises Refused fhir.too_deep."""
        claims = claimed(resource)
        known = [url for url in claims if _address(url) in self.brought]
        out: list[Finding] = []
        if known:
            try:
                checker = ProfileChecker(definitions(), self._forest, self._terminology)
                out += checker.check(resource, known, unknown="warning")
            except RecursionError as error:
                raise Refused("fhir.too_deep") from error
        kind = str(resource["resourceType"])
        strange = (url for url in claims if url not in known)
        return out + [found("profile_unknown", kind, "warning", url=url, type=kind) for url in strange]

    def must_hold(self, resource: Mapping[str, Any]) -> list[Finding]:
        """The findings that keep nothing out. Raises Refused fhir.invalid, fhir.too_deep."""
        every = self.findings(resource)
        if errors := [f for f in every if f.severity == "error"]:
            raise Refused("fhir.invalid", count=len(errors), findings=[f.issue() for f in errors])
        return every


def hold(drafts: Sequence[Draft]) -> None:
    """Raises Refused fhir.invalid, with the number of the draft, unless each keeps what it claims; remarks stay with the drafts."""
    claiming = [(n, d, d.resource) for n, d in enumerate(drafts) if d.resource and claimed(d.resource)]
    if not claiming:
        return
    judge = Judge(resource for _, _, resource in claiming)
    for number, draft, resource in claiming:
        try:
            draft.remarks = [f.issue() for f in judge.must_hold(resource)]
        except Refused as refused:
            raise Refused(refused.code, **{**refused.facts, "draft": number}) from refused


def _address(canonical: str) -> str:
    return canonical.partition("|")[0]
