"""Public ids."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yigong.kit.ids import opaque, reveal


@given(st.integers(0, 2**63 - 1))
def test_a_public_id_gives_its_number_back(number: int) -> None:
    """The public form of any internal number leads back to that number."""
    assert reveal("key", opaque("key", number)) == number


def test_neighbours_look_unrelated() -> None:
    """Public forms of neighbouring numbers share no order that could be counted."""
    forms = [opaque("key", n) for n in range(1000)]
    assert len(set(forms)) == 1000
    assert forms != sorted(forms)


@pytest.mark.parametrize("text", ["", "1", "zzzzzzzzzzzzz", "4tw0xg3t8zqc!", "4TW0XG3T8ZQCT"])
def test_what_never_was_an_id_is_refused(text: str) -> None:
    """Text that is no public id is refused instead of leading somewhere."""
    with pytest.raises(ValueError, match="not an id"):
        reveal("key", text)
