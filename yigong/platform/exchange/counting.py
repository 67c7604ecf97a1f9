"""Rows by what became of them: read = filtered + rejected + loaded + deleted. Pure."""

from __future__ import annotations


class Counted:
    """What follows from counts, wherever they are kept: in a table, in a line of an account, in the sum of a run."""

    __slots__ = ()
    read: int
    filtered: int
    rejected: int
    inserted: int
    updated: int
    unchanged: int
    deleted: int

    @property
    def loaded(self) -> int:
        """Rows that are in the records now."""
        return self.inserted + self.updated + self.unchanged

    @property
    def balances(self) -> bool:
        """账平: nothing is missing and nothing appeared from nowhere."""
        return self.read == self.filtered + self.rejected + self.loaded + self.deleted
