"""Refusals and faults: a code and named facts; the sentence stands in one table of the module."""

from __future__ import annotations


class Refused(Exception):  # noqa: N818  - reads as a sentence: the act was refused
    """A rule of the house says no. Web, JSON and HL7 answers each render it; nobody is paged."""

    def __init__(self, code: str, **facts: object) -> None:
        super().__init__(code, facts)
        self.code = code
        self.facts = facts

    def __str__(self) -> str:
        return f"{self.code} {self.facts}" if self.facts else self.code


class Fault(Exception):  # noqa: N818
    """Something outside did not answer as it should; *permanent* says whether trying again is useless."""

    def __init__(self, code: str, *, permanent: bool, **facts: object) -> None:
        super().__init__(code, facts)
        self.code = code
        self.permanent = permanent
        self.facts = facts
