"""A fixed cast."""

import pytest

from yigong.security.models import User
from yigong.security.roles import install_roles
from yigong.security.services import make_user

PASSWORD = "correct horse 7 battery"


@pytest.fixture
def doctor(db: None) -> User:
    """A doctor of the county hospital."""
    install_roles()
    return make_user("zhouming", "周明", password=PASSWORD, role="clinician", org_code="100000001X")
