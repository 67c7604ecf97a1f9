"""A centre with an enrolled node."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from yigong.platform.exchange.edge.tests import place
from yigong.platform.exchange.tests import lab


@pytest.fixture
def machine(transactional_db: None, tmp_path: Path, live_server: Any) -> Iterator[place.Machine]:
    """An enrolled node with 120 rows to read, its orders in force."""
    _node, code, _feed = place.centre(tmp_path / "lis.db", lab.good(60))
    found = place.Machine(tmp_path / "node", live_server.url, code)
    found.take_orders()
    yield found
    found.close()
