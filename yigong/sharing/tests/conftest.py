"""A fixed cast: a county doctor, a township doctor, a manager; a woman known everywhere, a stranger, a newcomer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from django.test import Client

from yigong.kit import clock
from yigong.platform.registry.selectors import kept
from yigong.security.roles import install_roles
from yigong.security.services import make_user
from yigong.sharing.tests import county

PASSWORD = "correct horse 7 battery"


@dataclass(frozen=True)
class Cast:
    """Who plays."""

    wang: int
    wang_ids: dict[str, int]
    stranger: int
    newcomer: int


@pytest.fixture(autouse=True)
def day() -> Iterator[None]:
    """The cast's records end in November 2026: what is still taken or lately seen is judged from there."""
    with clock.fixed(datetime(2026, 11, 27, 2, tzinfo=UTC)):
        yield


@pytest.fixture
def cast(db: None) -> Cast:
    """The county with its persons."""
    install_roles()
    kept.forget()
    county.institutions()
    kept.forget()
    wang, ids = county.wang_xiulan()
    return Cast(wang, ids, county.stranger()[0], county.newcomer())


@pytest.fixture
def enter(cast: Cast) -> Callable[..., Client]:
    """Log in as somebody with a role at an institution."""

    def come(role: str = "clinician", org: str = county.COUNTY, name: str = "周明") -> Client:
        login = f"{role}-{org}"
        make_user(login, name, password=PASSWORD, role=role, org_code=org)
        client = Client()
        assert client.post("/account/login/", {"login_name": login, "password": PASSWORD}).status_code == 302
        return client

    return come
