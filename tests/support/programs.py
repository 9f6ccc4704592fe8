"""Marks for tests that run a program which is no Python package. Import as ``programs``.

::

    program("mosquitto_pub", package="mosquitto-clients")    skips where that program is not on the PATH
    npm_packages(folder)                                     skips where `npm ci` was not run in that folder

A skip says the command that installs what is missing, and the summary says how many there were. With ``CI=true`` in the
environment what is missing is a failure instead, so that no test is left out there unnoticed.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest

MARK = "needs_program"
REGISTRATION = f"{MARK}(what, present, install): the test runs this program; made by tests/support/programs.py"

_ROOT = Path(__file__).parents[2]
_MISSING = "missing program"


def program(name: str, *, package: str) -> pytest.MarkDecorator:
    """Return the mark for a program on the PATH, in a package of Debian."""
    mark: pytest.MarkDecorator = getattr(pytest.mark, MARK)
    return mark(name, shutil.which(name) is not None, f"apt-get install {package}")


def npm_packages(folder: Path) -> pytest.MarkDecorator:
    """Return the mark for what ``npm ci`` installs in a folder."""
    mark: pytest.MarkDecorator = getattr(pytest.mark, MARK)
    # npm writes this file last.
    installed = (folder / "node_modules" / ".package-lock.json").is_file()
    where = folder.relative_to(_ROOT).as_posix()
    return mark(f"node_modules of {where}", installed, f"npm ci --prefix {where}")


def check(item: pytest.Item) -> None:
    """Skip or fail a test whose program is missing."""
    for mark in item.iter_markers(MARK):
        what, present, install = mark.args
        if present:
            continue
        item.user_properties.append((_MISSING, f"{what} ({install})"))
        reason = f"{what} is not installed; run: {install}"
        if os.environ.get("CI", "").lower() == "true":
            pytest.fail(f"{reason} (with CI=true nothing may be missing)", pytrace=False)
        pytest.skip(reason)


def summary(reports: Iterable[object]) -> str | None:
    """Return the line that says how many tests were skipped and what to install, None where there were none."""
    counted = Counter(
        value for report in reports for name, value in getattr(report, "user_properties", ()) if name == _MISSING
    )
    if not counted:
        return None
    listed = ", ".join(f"{count} for {what}" for what, count in sorted(counted.items()))
    return f"{sum(counted.values())} tests skipped for a missing program: {listed}"
