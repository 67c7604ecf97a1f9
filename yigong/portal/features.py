"""``make features``: the table of features with the tests that prove them, made from a run of the suite."""

from __future__ import annotations

import sys
from collections import defaultdict
from typing import Any

import pytest


class Collector:
    """Gathers which test is marked with which feature and how it ended."""

    def __init__(self) -> None:
        self.ids: dict[str, tuple[str, ...]] = {}
        self.outcome: dict[str, str] = {}

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        """Note the marks."""
        for item in items:
            marked = tuple(i for mark in item.iter_markers("feature") for i in mark.args)
            if marked:
                self.ids[item.nodeid] = marked

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Note how a test ended."""
        if report.when == "call" or report.outcome != "passed":
            self.outcome[report.nodeid] = report.outcome

    def table(self) -> str:
        """The table as Markdown."""
        rows: dict[str, list[str]] = defaultdict(list)
        for node, marked in self.ids.items():
            for feature in marked:
                rows[feature].append(self.outcome.get(node, "not run"))
        lines = ["| feature | tests | passed |", "|---|---|---|"]
        lines += [f"| {f} | {len(o)} | {o.count('passed')} |" for f, o in sorted(rows.items())]
        return "\n".join(lines)


def main() -> int:
    """Run the suite and print the table."""
    collector = Collector()
    code = pytest.main(["-q", "--no-header", *sys.argv[1:]], plugins=[collector])
    print(collector.table())
    return int(code)


if __name__ == "__main__":
    sys.exit(main())
