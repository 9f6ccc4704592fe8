"""Packages whose names are imported at their first use, so that a run pays only for what it uses."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Collection, Mapping


def lazy_names(
    package: str, homes: Mapping[str, tuple[str, ...]], modules: Collection[str] = ()
) -> Callable[[str], object]:
    """Return a package's ``__getattr__``.

    :param homes: module below the package: the names that are imported from it.
    :param modules: modules below the package that are names themselves.
    """
    home_of = {name: home for home, names in homes.items() for name in names}

    def find(name: str) -> object:
        if name in modules:
            return importlib.import_module(f"{package}.{name}")
        home = home_of.get(name)
        if home is None:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(f"{package}.{home}"), name)
        setattr(sys.modules[package], name, value)
        return value

    return find


def lazy_dir(package: str) -> Callable[[], list[str]]:
    """Return a package's ``__dir__``: what it exports, loaded or not, for those who complete names."""
    return lambda: sorted({*vars(sys.modules[package]), *sys.modules[package].__all__})
