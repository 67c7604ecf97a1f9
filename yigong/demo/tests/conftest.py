"""One small county for all tests of the demonstration, made once."""

from __future__ import annotations

from datetime import date

import pytest

from yigong.demo import county as made

TODAY = date(2026, 3, 16)


@pytest.fixture(scope="session")
def county() -> made.County:
    """A county of 1500 people."""
    return made.county(1500, 11, TODAY)
