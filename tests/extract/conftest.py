"""One server of each kind for all tests of extraction."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.extract import servers
from tests.extract.hospital import Hospital


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """A PostgreSQL with logical decoding."""
    if servers.postgresql_programs() is None:
        pytest.skip("no PostgreSQL programs on this machine")
    with servers.postgresql() as url:
        yield url


@pytest.fixture(scope="session")
def mariadb() -> Iterator[str]:
    """A MariaDB with binary log."""
    if not servers.has_mariadb():
        pytest.skip("MariaDB is not installed (apt-get install mariadb-server)")
    with servers.mariadb() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def hospital(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Hospital]:
    """A hospital's system on each kind of database, with one empty table."""
    kind = request.param
    if kind == "sqlite":
        path = tmp_path / "his.db"
        sa.create_engine(f"sqlite:///{path}").connect().close()
        url = f"sqlite:///{path}"
    else:
        url = request.getfixturevalue(kind)
    found = Hospital(kind, url)
    found.make()
    yield found
    found.drop()
