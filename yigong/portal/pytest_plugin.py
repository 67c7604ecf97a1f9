"""Gives every test run a real PostgreSQL before Django is set up."""

import logging
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


@pytest.fixture(autouse=True)
def fresh_logging() -> Iterator[None]:
    """No test logs to the output of another: a command that sets up Django again leaves a handler on a stream that closes."""
    root = logging.getLogger()
    before = _consoles(root)
    yield
    after = _consoles(root)
    for handler in after:
        if handler not in before:
            root.removeHandler(handler)
    for handler in before:
        if handler not in after:
            root.addHandler(handler)


def _consoles(root: logging.Logger) -> list[logging.Handler]:
    return [h for h in root.handlers if type(h) is logging.StreamHandler]
