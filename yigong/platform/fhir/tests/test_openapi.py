"""The OpenAPI document describes what is served, all of it."""

from __future__ import annotations

import re

import pytest
from django.urls import resolve

from yigong.platform.fhir import openapi, urls

GIVEN = {"type": "Patient", "id": "a1", "version": "1", "key": "k1", "kind": "Patient"}


@pytest.mark.feature("C15", "S02")
def test_every_address_is_described() -> None:
    """Each path of the document leads to a view, and each view but the document itself has a path."""
    paths = openapi.document("http://here/fhir/r4/")["paths"]
    given = (re.sub(r"\{(\w+)\}", lambda part: GIVEN[part[1]], path) for path in paths)
    described = {resolve(f"/fhir/r4{path}").url_name for path in given}
    served = {one.name for one in urls.urlpatterns if one.name}
    assert served - described == {"openapi"}
