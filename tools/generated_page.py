"""What the generators of pages in docs/ share: print the page, write it, or tell whether the one in docs/ is stale.

::

    def main(argv: Sequence[str] | None = None, *, root: Path = ROOT) -> int:
        return generate(argv, root / PAGE, tool="parity", make=lambda: render(read(root)))
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path


class PageError(Exception):
    """No page can be made. The message says why."""


def generate(argv: Sequence[str] | None, page: Path, *, tool: str, make: Callable[[], str]) -> int:
    """Run a generator's command line and return its exit code: 1 for a stale page, and where none can be made.

    :param tool: the generator's name, which is also that of its target in the Makefile.
    :param make: makes the page; may raise :class:`PageError`.
    """
    name = f"docs/{page.name}"
    parser = argparse.ArgumentParser(description=f"Make {name}.")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--write", action="store_true", help=f"write {name}")
    what.add_argument("--check", action="store_true", help=f"tell whether {name} is stale")
    options = parser.parse_args(argv)
    try:
        text = make()
    except PageError as error:
        print(error, file=sys.stderr)
        return 1
    if options.write:
        page.write_text(text, encoding="utf-8")
    elif not options.check:
        print(text, end="")
    elif not page.is_file() or page.read_text(encoding="utf-8") != text:
        commands = f"`make {tool}` (or python tools/{tool}.py --write)"
        print(f"{name} is stale; run {commands} and commit it", file=sys.stderr)
        return 1
    return 0
