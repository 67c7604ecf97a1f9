"""The hospital, its application and its client."""

from __future__ import annotations

import pytest

from yigong.platform.hl7v3.tests import hospital
from yigong.platform.hl7v3.tests.hospital import Caller


@pytest.fixture
def caller(db: None) -> Caller:
    """A client of the county hospital, inside the test's transaction."""
    hospital.institutions()
    application, secret = hospital.application()
    return Caller(application.code, secret)
