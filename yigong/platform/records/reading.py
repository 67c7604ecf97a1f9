"""How records of persons are read: a hot statement, prepared, over the registrations that the reader may see."""

from __future__ import annotations

import json
from typing import Any

import psycopg
from django.db import connection

from yigong.kit.ctx import Ctx
from yigong.security.api import persons_in_reach

Params = dict[str, Any]


def fetch(sql: str, params: Params) -> list[tuple[Any, ...]]:
    """The rows of a hot statement: bound by the server and prepared, so that it is planned once for a connection."""
    connection.ensure_connection()
    with psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(sql, params, prepare=True, binary=True)  # moments are read in C, not by Django
        return cursor.fetchall()


def reach(ctx: Ctx, person_id: int) -> tuple[str, Params]:
    """The registrations of a person as ``reach(id)``; empty when the reader may not see the person."""
    scope = persons_in_reach(ctx, "r.person_id")
    sql = f"""with reach as materialized (
        select r.id from empi_registration r where r.person_id = %(person_id)s and {scope.sql})"""
    return sql, {"person_id": person_id, **scope.params}


def json_of(value: Any) -> Any:
    """A JSON column as values, however the statement was read."""
    return json.loads(value) if isinstance(value, str) else value
