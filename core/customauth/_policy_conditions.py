"""Conditions of a statement, as IAM documents their operators (D17)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from attrs import field, frozen

from customauth._policy_error import PolicyError, listed, shown
from customauth._policy_operators import OPERATORS, Operator, Test
from customauth._policy_pattern import Variable
from customauth._policy_request import Request

_SET_PREFIXES: Mapping[str, Callable[[Iterator[bool]], bool]] = {"ForAllValues:": all, "ForAnyValue:": any}
_IF_EXISTS = "IfExists"


@frozen(kw_only=True)
class Condition:
    """One key of a condition: ``{operator: {key: values}}``.

    :ivar operator: as written, as ``ForAllValues:StringEquals``.
    :ivar key: as written; requests are asked for it in lower case, as IAM does.
    :ivar values: as texts.
    :ivar place: where in the document.
    """

    operator: str
    key: str
    values: tuple[str, ...]
    place: str = field(default="", eq=False, repr=False)
    _operator: Operator = field(eq=False, repr=False, alias="meaning")
    _combine: Callable[[Iterator[bool]], bool] | None = field(eq=False, repr=False, alias="combine")
    _if_exists: bool = field(eq=False, repr=False, alias="if_exists")
    _tests: tuple[Test, ...] = field(eq=False, repr=False, alias="tests")

    @property
    def variables(self) -> tuple[Variable, ...]:
        """The variables in its values."""
        return tuple(variable for test in self._tests for variable in test.variables)

    @property
    def is_set_operation(self) -> bool:
        """True with ForAllValues or ForAnyValue, which keys with several values need (IAM)."""
        return self._combine is not None

    def holds(self, request: Request) -> bool:
        """Tell whether a request meets it.

        Several values are alternatives, for a negated operator none of them may match. A missing key fails, but
        passes a negated operator, ``…IfExists`` and ``ForAllValues`` (D19); the values of ``ForAllValues`` and
        ``ForAnyValue`` that are empty texts do not count (IAM).
        """
        actual = request.values(self.key.lower())
        if self._operator.asks_for_absence:
            return any(test.passes("false" if actual else "true", request.variable) for test in self._tests)
        if self._if_exists and not actual:
            return True
        if self._combine is not None:
            return self._combine(self._passes(value, request) for value in actual if value)
        if self._operator.negated:
            return all(self._passes(value, request) for value in actual)
        return any(self._passes(value, request) for value in actual)

    def _passes(self, value: str, request: Request) -> bool:
        matched = any(test.passes(value, request.variable) for test in self._tests)
        return matched is not self._operator.negated

    def why_not(self, request: Request) -> str:
        """Say in one clause what it wants and what the request has."""
        actual = request.values(self.key.lower())
        has = f"is {' and '.join(map(shown, actual))}" if actual else "is missing"
        return f"{self.operator} wants {self.key} {listed(self.values)}, and it {has}"


def parse_conditions(blocks: object, place: str, *, variables: bool) -> tuple[Condition, ...]:
    """Parse the value of ``Condition``.

    :param variables: the document's version has variables.
    :raises PolicyError: an unknown operator, or a value that is none of the operator's kind.
    """
    if not isinstance(blocks, Mapping):
        raise PolicyError(f"must be an object of operators, not {shown(blocks)}", place)
    return tuple(
        _parse_condition(name, key, values, f"{place}.{shown(name)}", variables)
        for name, keys in blocks.items()
        for key, values in _keys(keys, f"{place}.{shown(name)}").items()
    )


def _keys(keys: object, place: str) -> Mapping[str, object]:
    if not isinstance(keys, Mapping):
        raise PolicyError(f"must be an object of condition keys, not {shown(keys)}", place)
    return keys


def _parse_condition(name: str, key: str, values: object, place: str, variables: bool) -> Condition:
    bare, combine, if_exists = name, None, False
    for prefix, how in _SET_PREFIXES.items():
        if name.startswith(prefix):
            bare, combine = name.removeprefix(prefix), how
    operator = OPERATORS.get(bare)
    if operator is None and bare.endswith(_IF_EXISTS):
        operator, if_exists = OPERATORS.get(bare.removesuffix(_IF_EXISTS)), True
    if operator is None:
        raise PolicyError(f"is not an operator; {_suggestion(bare.removesuffix(_IF_EXISTS))}", place)
    if operator.asks_for_absence and (if_exists or combine is not None):
        raise PolicyError(
            "Null takes neither IfExists nor a set prefix: it asks itself whether the key is there", place
        )
    if not key:
        raise PolicyError("a condition key must have a name", place)
    place = f"{place}.{shown(key)}"
    texts = [(_text(value, where), where) for value, where in _listed(values, place)]
    return Condition(
        operator=name,
        key=key,
        values=tuple(text for text, _ in texts),
        place=place,
        meaning=operator,
        combine=combine,
        if_exists=if_exists,
        tests=tuple(operator.test(text, where, variables) for text, where in texts),
    )


def _suggestion(bare: str) -> str:
    same = [name for name in OPERATORS if name.lower() == bare.lower()]
    return f"it is spelled {same[0]}" if same else f"known are {', '.join(OPERATORS)}"


def _listed(values: object, place: str) -> list[tuple[object, str]]:
    if not isinstance(values, list):
        return [(values, place)]
    return [(value, f"{place}[{index}]") for index, value in enumerate(values)]


def _text(value: object, place: str) -> str:
    """Give a value as text: JSON's booleans and numbers may stand without quotation marks (IAM)."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if not isinstance(value, str):
        raise PolicyError(f"must be a string, a number or a boolean, not {shown(value)}", place)
    return value
