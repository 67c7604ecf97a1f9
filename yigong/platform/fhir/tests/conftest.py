"""The index tables are no Django models: what a test commits is taken out of them here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection

from yigong.platform.fhir.indexing.values import TABLES


@pytest.fixture(autouse=True)
def empty_indexes(request: Any) -> Iterator[None]:
    """Empty the index tables after a test that commits."""
    marker = request.node.get_closest_marker("django_db")
    commits = "transactional_db" in request.fixturenames or bool(marker and marker.kwargs.get("transaction"))
    if commits:
        request.getfixturevalue("transactional_db")
        _empty()
    yield
    if commits:
        _empty()


def _empty() -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"truncate {', '.join(f'fhir_{name}' for name in TABLES)}")
