"""How far data rights go."""

import pytest
from django.db import connection


@pytest.mark.django_db
def test_trigrams_see_chinese() -> None:
    """The database finds trigrams in Chinese names; under the C locale it would find none."""
    with connection.cursor() as cursor:
        cursor.execute("create extension if not exists pg_trgm")
        cursor.execute("select show_trgm('张三丰')")
        assert cursor.fetchone()[0]
