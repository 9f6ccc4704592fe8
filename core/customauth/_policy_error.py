"""What is wrong with a policy document, and where."""

from __future__ import annotations

from collections.abc import Sequence


class PolicyError(ValueError):
    """The document is malformed; the message begins with the place, as ``Statement[1].Effect: ...``.

    :ivar place: the member at fault, empty where it is the whole document.
    """

    def __init__(self, why: str, place: str = "") -> None:
        super().__init__(f"{place}: {why}" if place else why)
        self.place = place
        self.why = why


def shown(value: object) -> str:
    """Show a value on one line of a log, which a control character in a name must not break."""
    if not isinstance(value, str):
        return "null" if value is None else f"a value of type {type(value).__name__}"
    return value if value.isprintable() and value else ascii(value)


def listed(values: Sequence[str]) -> str:
    """Show some values on one line."""
    return " or ".join(map(shown, values)) if values else "nothing"
