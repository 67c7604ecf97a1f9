"""Gives every test run a real PostgreSQL before Django is set up."""

import os
from collections.abc import Iterator

import pytest

from yigong.portal import postgres

# the browser of the journeys keeps an event loop in the test process; the tests themselves are synchronous
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
postgres.ensure()


@pytest.fixture(autouse=True)
def fresh_register() -> Iterator[None]:
    """No test sees the institutions that another test registered and rolled back."""
    from yigong.platform.registry.selectors import kept

    kept.forget()
    yield
    kept.forget()


@pytest.fixture(autouse=True)
def fresh_language() -> Iterator[None]:
    """No test speaks the language of a page that another test read."""
    from django.utils import translation

    translation.deactivate()
    yield
    translation.deactivate()
