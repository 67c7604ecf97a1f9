"""Logging in."""

from datetime import timedelta

import pytest
from django.test import Client

from yigong.kit import clock
from yigong.security.models import Login, User
from yigong.security.tests.conftest import PASSWORD

LOGIN = "/account/login/"


def enter(client: Client, password: str) -> int:
    """Try to log in; the status."""
    return client.post(LOGIN, {"login_name": "zhouming", "password": password}).status_code


@pytest.mark.feature("B17")
def test_the_right_password_comes_in(client: Client, doctor: User) -> None:
    """A user with the right password is logged in and the attempt is written down with institution and address."""
    assert enter(client, PASSWORD) == 302
    row = Login.objects.get()
    assert (row.outcome, row.org_code, row.address) == ("in", "100000001X", "127.0.0.1")


@pytest.mark.feature("B17")
def test_five_wrong_passwords_lock(client: Client, doctor: User) -> None:
    """After five wrong passwords even the right one is refused, until the lock ends by itself."""
    assert [enter(client, "wrong") for _ in range(5)] == [403] * 5
    assert enter(client, PASSWORD) == 403
    assert list(Login.objects.order_by("id").values_list("outcome", flat=True))[-2:] == ["locked", "locked"]
    with clock.fixed(clock.now() + timedelta(minutes=31)):
        assert enter(client, PASSWORD) == 302


def test_a_right_password_forgives_earlier_slips(client: Client, doctor: User) -> None:
    """Wrong tries are counted only in a row: coming in begins the count anew."""
    assert [enter(client, "wrong") for _ in range(4)] == [403] * 4
    assert enter(client, PASSWORD) == 302
    assert enter(client, "wrong") == 403
    assert enter(client, PASSWORD) == 302


def test_an_unknown_name_learns_nothing(client: Client, doctor: User) -> None:
    """An unknown name gets the same sentence as a wrong password."""
    a = client.post(LOGIN, {"login_name": "nobody", "password": "x"}).content.decode()
    b = client.post(LOGIN, {"login_name": "zhouming", "password": "x"}).content.decode()
    sentence = "登录名或密码不对"
    assert sentence in a
    assert sentence in b


@pytest.mark.parametrize("onward", ["https://evil.example/", "//evil.example", "javascript:alert(1)"])
def test_log_in_leads_nowhere_outside(client: Client, doctor: User, onward: str) -> None:
    """The address to go on to is only ever one of this site."""
    response = client.post(LOGIN, {"login_name": "zhouming", "password": PASSWORD, "next": onward})
    assert response.headers["Location"] == "/"


def test_no_password_is_in_the_database_or_default(doctor: User) -> None:
    """Passwords are kept only as Argon2 hashes."""
    assert doctor.password.startswith("argon2$argon2id$")
