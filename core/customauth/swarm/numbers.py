"""Numbers that are given out and come back, by who has them."""

from __future__ import annotations

import heapq
from collections.abc import Collection

from attrs import define, field


@define(eq=False)
class Numbers:
    """The numbers from 0 on, and who has them."""

    _held: dict[str, set[int]] = field(factory=dict, init=False)
    _free: list[int] = field(factory=list, init=False)
    _next: int = field(default=0, init=False)

    def take(self, owner: str) -> int:
        """Return the lowest number that is free."""
        number = heapq.heappop(self._free) if self._free else self._next
        self._next = max(self._next, number + 1)
        self._held.setdefault(owner, set()).add(number)
        return number

    def give_back(self, owner: str, number: int) -> None:
        """Take a number back, if that owner has it."""
        if number in self._held.get(owner, ()):
            self._held[owner].remove(number)
            heapq.heappush(self._free, number)

    def keep_only(self, owners: Collection[str]) -> None:
        """Take back all numbers of owners that are not there any more."""
        for gone in self._held.keys() - set(owners):
            for number in self._held.pop(gone):
                heapq.heappush(self._free, number)
