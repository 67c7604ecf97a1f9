"""Identity numbers: check sign, 15 to 18 signs, what stands inside, trust; in Python and in the kernels alike."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yigong.platform.empi.engine import api, identity
from yigong.platform.empi.engine.tests.people import frame, number, record

days = st.dates(date(1900, 1, 1), date(2024, 12, 31))
orders = st.integers(1, 995)


@pytest.mark.feature("A22")
@pytest.mark.parametrize(
    ("first17", "sign"), [("11010519491231002", "X"), ("44052418800101001", "4"), ("34122219750408156", None)]
)
def test_the_check_sign_follows_gb_11643(first17: str, sign: str | None) -> None:
    """The examples of the standard have the check signs it prints; any number has exactly one."""
    good = [s for s in identity.SIGNS if identity.read(first17 + s)]
    assert good == [identity.check_sign(first17)]
    assert sign in (None, good[0])


@pytest.mark.feature("A22")
@given(days.filter(lambda d: 1900 <= d.year <= 1999), orders)
def test_fifteen_digits_grow_to_the_same_eighteen(born: date, order: int) -> None:
    """A number of the first generation becomes the number of the second that its holder has today."""
    full = number("341222", born, order)
    assert identity.upgrade(full[:6] + full[8:17]) == full


@pytest.mark.feature("A22")
@given(days, orders, st.integers(0, 17), st.integers(1, 9))
def test_one_wrong_digit_is_always_found(born: date, order: int, place: int, shift: int) -> None:
    """Changing any one sign makes the number invalid."""
    full = number("341222", born, order)
    digits = identity.SIGNS if place == 17 else "0123456789"
    wrong = digits[(digits.index(full[place]) + shift) % len(digits)]
    assert identity.read(full[:place] + wrong + full[place + 1 :]) is None


@pytest.mark.feature("A22")
@given(days, orders)
def test_a_number_says_division_birth_and_sex(born: date, order: int) -> None:
    """What was put into a number is read out of it."""
    said = identity.read(number("341222", born, order))
    assert said is not None
    assert (said.division, said.born_on, said.sex) == ("341222", born, "1" if order % 2 else "2")


CASES = [
    ("", "1950-03-08", "女", identity.Trust.MISSING),
    ("34122219500308", "1950-03-08", "女", identity.Trust.MALFORMED),
    (number("341222", date(1950, 3, 8), 22)[:17] + "Y", "1950-03-08", "女", identity.Trust.MALFORMED),
    (number("991222", date(1950, 3, 8), 22), "1950-03-08", "女", identity.Trust.BAD_CHECK),
    (number("341222", date(1950, 3, 8), 22), "1950-03-08", "女", identity.Trust.TRUSTED),
    (number("341222", date(1950, 3, 8), 22), "1950-03-08", "男", identity.Trust.TRUSTED),
    (number("341222", date(1950, 3, 8), 22), "1950-08-03", "女", identity.Trust.TRUSTED),
    (number("341222", date(1950, 3, 8), 22), "1950-01-01", "女", identity.Trust.TRUSTED),
    (number("341222", date(1950, 3, 8), 22), "1950-01-01", "男", identity.Trust.CONTRADICTS),
    (number("341222", date(1950, 3, 8), 22), "1975-06-09", "女", identity.Trust.CONTRADICTS),
]
KERNEL_STATES = {
    0: "MISSING",
    1: "MALFORMED",
    2: "BAD_CHECK",
    3: "CONTRADICTS",
    4: "TRUSTED",
    5: "MALFORMED",
    6: "TRUSTED",
}


@pytest.mark.feature("A22")
@pytest.mark.parametrize(("text", "born", "sex", "state"), CASES)
def test_trust_is_weighed_against_birth_date_and_sex(text: str, born: str, sex: str, state: identity.Trust) -> None:
    """A valid number of another birth date or sex is a relative's; Python and kernels say the same."""
    code = {"男": "1", "女": "2"}.get(sex)
    assert identity.trust(text, date.fromisoformat(born), code) == state
    row = api.standardise(frame([record(idno=text, dob=born, sex=sex)]))
    assert KERNEL_STATES[row["number.1"][0] & 7] == state.name


@pytest.mark.feature("A22")
@given(days, orders, days, st.sampled_from(["男", "女", ""]))
def test_kernels_and_python_weigh_alike(born: date, order: int, said: date, sex: str) -> None:
    """Every number gets one state, whichever of the two forms of the rule reads it."""
    text = number("341222", born, order)
    row = api.standardise(frame([record(idno=text, dob=said.isoformat(), sex=sex)]))
    wanted = identity.trust(text, said, {"男": "1", "女": "2"}.get(sex)).name
    assert KERNEL_STATES[row["number.1"][0] & 7] == wanted
