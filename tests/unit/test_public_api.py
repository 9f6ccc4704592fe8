"""The public API is what public_api.txt says: a change of it is a decision, not an accident.

To accept one: python tests/unit/test_public_api.py > tests/unit/public_api.txt
"""

from __future__ import annotations

import enum
import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

MODULES = (
    "customauth",
    "customauth.sync",
    "customauth.signing",
    "customauth.dialing",
    "customauth.gateway",
    "customauth.compare",
    "customauth.mqtt",
    "customauth.policy",
    "customauth.policy_lint",
    "customauth.rules",
    "customauth.doctor",
    "customauth.swarm",
)
RECORD = Path(__file__).with_name("public_api.txt")


def public_names(module: str) -> list[str]:
    found = importlib.import_module(module)
    stated = getattr(found, "__all__", None)
    if stated is not None:
        return sorted(stated)
    return sorted(
        name
        for name, value in vars(found).items()
        if not name.startswith("_") and getattr(value, "__module__", None) == module
    )


def describe(name: str, value: object) -> Iterator[str]:
    if inspect.isclass(value):
        bases = ", ".join(base.__name__ for base in value.__bases__)
        yield f"{name}({bases})"
        if issubclass(value, enum.Enum):
            yield from (f"    {member.name} = {member.value!r}" for member in value)
            return
        for attribute, member in sorted(vars(value).items()):
            if attribute.startswith("_") and attribute != "__init__":
                continue
            if isinstance(member, classmethod | staticmethod):
                yield f"    {attribute}{inspect.signature(member.__func__)}"
            elif inspect.isfunction(member):
                yield f"    {attribute}{inspect.signature(member)}"
            elif isinstance(member, property) or inspect.ismemberdescriptor(member):
                yield f"    {attribute}"
    elif inspect.isfunction(value):
        yield f"{name}{inspect.signature(value)}"
    else:
        yield name


def api() -> str:
    lines = []
    for module in MODULES:
        lines.append(f"[{module}]")
        for name in public_names(module):
            lines.extend(describe(name, getattr(importlib.import_module(module), name)))
        lines.append("")
    return re.sub(r" at 0x[0-9a-f]+", "", "\n".join(lines))


def test_the_public_api_is_the_recorded_one() -> None:
    assert api() == RECORD.read_text(), "accept with: python tests/unit/test_public_api.py > tests/unit/public_api.txt"


def test_every_public_name_has_a_docstring() -> None:
    undocumented = [
        f"{module}.{name}"
        for module in MODULES
        for name in public_names(module)
        if inspect.isclass(found := getattr(importlib.import_module(module), name)) or inspect.isfunction(found)
        if not (found.__doc__ or "").strip()
    ]
    assert undocumented == []


def test_an_unknown_name_is_an_attribute_error() -> None:
    package = importlib.import_module("customauth")
    assert not hasattr(package, "no_such_name")


if __name__ == "__main__":
    print(api(), end="")  # noqa: T201 - this is how the record is made
