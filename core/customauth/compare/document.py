"""The JSON document of a report: written, and read back with every value checked.

``schema.json`` beside this file says the same for other languages (JSON Schema, draft 2020-12). A document of schema 2,
which has neither ``interrupted`` nor ``turns``, is read too.
"""

from __future__ import annotations

import enum
import functools
import json
import math
import types
import typing
from importlib import resources
from typing import Any, NoReturn

import attrs

from customauth.compare.result import SCHEMA, Cell, Report

_BEFORE = 2


def to_document(report: Report) -> dict[str, Any]:
    """Return the document as plain data, ready for :func:`json.dumps`."""
    return {"schema": SCHEMA, **attrs.asdict(report, value_serializer=_plain)}


def from_document(text: str) -> Report:
    """Read a document.

    :raises ValueError: it is no comparison, of another schema, or not whole; the text says where and what to do.
    """
    try:
        document = json.loads(text, parse_constant=_refuse_constant)
    except RecursionError:
        raise ValueError("not a comparison: it is nested too deeply") from None
    except ValueError as error:
        raise ValueError(f"not JSON ({error})") from None
    if not isinstance(document, dict) or "schema" not in document:
        raise ValueError("not a comparison: there is no 'schema' in it")
    found = document.pop("schema")
    if found not in (_BEFORE, SCHEMA) or not isinstance(found, int):
        raise ValueError(f"a comparison of schema {found!r}, and this customauth reads {SCHEMA}; {_mend(found)}")
    report = _read(Report, document, "the comparison")
    assert isinstance(report, Report)  # noqa: S101 - what _read was asked for
    _check_references(report)
    return _with_turns(report) if found == _BEFORE else report


def schema() -> dict[str, Any]:
    """Return the JSON Schema of the document."""
    text = resources.files("customauth.compare").joinpath("schema.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


def _with_turns(report: Report) -> Report:
    """Say what a document of the schema before did not: how many turns the values of a cell are from."""

    def turns(cell: Cell) -> int:
        return min(report.rounds, *map(len, cell.measurements.values())) if cell.measurements else 0

    return attrs.evolve(report, cells=tuple(attrs.evolve(cell, turns=turns(cell)) for cell in report.cells))


def _mend(found: object) -> str:
    if isinstance(found, int) and found > SCHEMA:
        return "it was made by a newer one: pip install --upgrade customauth"
    return "make it again with: customauth compare --json FILE"


def _plain(_: Any, __: Any, value: Any) -> Any:
    return value.value if isinstance(value, enum.Enum) else value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")


def _check_references(report: Report) -> None:
    """Refuse cells of what is not described, and two of the same."""
    environments = {each.id: each for each in report.environments}
    if len(environments) != len(report.environments):
        raise ValueError("not a comparison: two of its environments have the same id")
    strange = sorted(set(report.interrupted) - set(environments))
    if strange:
        raise ValueError(f"interrupted: there is no environment {strange[0]!r}")
    measures = {each.name: {measure.name for measure in each.measures} for each in report.scenarios}
    if len(measures) != len(report.scenarios):
        raise ValueError("not a comparison: two of its scenarios have the same name")
    seen: set[tuple[object, ...]] = set()
    for number, cell in enumerate(report.cells):
        where = f"cells[{number}]"
        if cell.environment not in environments:
            raise ValueError(f"{where}: there is no environment {cell.environment!r}")
        if cell.scenario not in measures:
            raise ValueError(f"{where}: there is no scenario {cell.scenario!r}")
        strange = sorted(set(cell.measurements) - measures[cell.scenario])
        if strange:
            raise ValueError(f"{where}: scenario {cell.scenario!r} has no measure {strange[0]!r}")
        key = _key(cell)
        if key in seen:
            raise ValueError(f"{where}: it is there twice")
        seen.add(key)


def _key(cell: Cell) -> tuple[object, ...]:
    return cell.environment, cell.scenario, cell.backend, cell.version, cell.transport, cell.raw


def _read(kind: Any, value: Any, where: str) -> Any:
    """Read a value of one of the model's types: its classes, enumerations, tuples, dictionaries and plain values."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is types.UnionType:
        return None if value is None else _read(arguments[0], value, where)
    if origin is tuple:
        items = _expect(list, value, where)
        return tuple(_read(arguments[0], item, f"{where}[{number}]") for number, item in enumerate(items))
    if origin is dict:
        members = _expect(dict, value, where)
        return {name: _read(arguments[1], member, f"{where}.{name}") for name, member in members.items()}
    if attrs.has(kind):
        return _read_class(kind, _expect(dict, value, where), where)
    if issubclass(kind, enum.Enum):
        return _read_member(kind, value, where)
    if kind is float:
        return _read_number(value, where)
    if kind is int and isinstance(value, float) and value.is_integer():
        # JSON has one kind of number.
        return int(value)
    return _expect(kind, value, where)


def _read_class(kind: type[attrs.AttrsInstance], value: dict[str, Any], where: str) -> Any:
    fields = _fields(kind)
    strange = sorted(set(value) - set(fields))
    if strange:
        raise ValueError(f"{where}: schema {SCHEMA} has no {strange[0]!r} there")
    missing = [name for name, field in fields.items() if field.default is attrs.NOTHING and name not in value]
    if missing:
        raise ValueError(f"{where}: {missing[0]!r} is missing")
    return kind(**{name: _read(fields[name].type, given, f"{where}.{name}") for name, given in value.items()})


@functools.cache
def _fields(kind: type[attrs.AttrsInstance]) -> dict[str, attrs.Attribute[Any]]:
    return attrs.fields_dict(attrs.resolve_types(kind))


def _read_member(kind: type[enum.Enum], value: Any, where: str) -> enum.Enum:
    for member in kind:
        if member.value == value:
            return member
    known = ", ".join(repr(member.value) for member in kind)
    raise ValueError(f"{where} is {value!r}, and must be one of {known}")


def _read_number(value: Any, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{where} is {type(value).__name__}, and must be a number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ValueError(f"{where} is too large")
    return number


def _expect(kind: type, value: Any, where: str) -> Any:
    # JSON's true and false are no integers, though Python's are.
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise ValueError(f"{where} is {type(value).__name__}, and must be {kind.__name__}")
    return value
