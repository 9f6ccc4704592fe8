"""The generator of docs/doctor-cases.md: the set-ups that the doctor is examined with, and the causes that it names.

``python tools/doctor_cases.py`` prints the page, ``--write`` writes it, ``--check`` tells whether the one in docs/ is
stale. The set-ups are those of tests/support/setups.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from generated_page import generate

ROOT = Path(__file__).parents[1]
PAGE = "docs/doctor-cases.md"

# The set-ups are the tests' own.
sys.path.insert(0, str(ROOT / "tests" / "support"))

from setups.staging import Case  # noqa: E402
from setups.table import BROKEN, CANNOT_TELL, HEALTHY  # noqa: E402

_HEAD = """# What the doctor was examined with

<!-- Made by tools/doctor_cases.py from the set-ups of the tests: run `make doctor_cases`. -->

Set-ups in which one known thing is wrong, staged for real: the device's options, a server, and where the person has
the account at hand, an account with boto3 as its client. They were written from the causes alone, before any rule of
the doctor. In each of them `customauth doctor` has to name the true cause first, or say that it cannot tell; to name
another is a failure. In those that work it has to find nothing.

One who has only the wire to go by learns no more from AWS than that a login is refused; the account tells the rest. The
numbers are those of [facts.md](facts.md). This page is generated; a test fails when it is stale.
"""


def page() -> str:
    """Return the page."""
    causes = len({case.cause for case in BROKEN})
    parts = [
        _HEAD,
        f"## {len(BROKEN)} that are broken, by {causes} causes\n",
        *_table(("What the person did", "The doctor has", "It names", "Facts"), map(_broken, BROKEN)),
        f"\n## {len(HEALTHY)} that work\n",
        *_table(("What the person did", "The doctor has", "Facts"), map(_healthy, HEALTHY)),
    ]
    return "\n".join(parts) + "\n"


def _broken(case: Case) -> tuple[str, ...]:
    named = f"[{case.cause}](troubleshooting.md#{case.cause})"
    if case.name in CANNOT_TELL:
        named = f"nothing: it cannot tell ({named})"
    return case.story, case.knows, named, _facts(case)


def _healthy(case: Case) -> tuple[str, ...]:
    return case.story, case.knows, _facts(case)


def _facts(case: Case) -> str:
    return ", ".join(case.facts)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = [head, ["---"] * len(head), *rows]
    return [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines]


def main(argv: Sequence[str] | None = None, *, root: Path = ROOT) -> int:
    """Run the command and return its exit code: 1 for a stale page."""
    return generate(argv, root / PAGE, tool="doctor_cases", make=page)


if __name__ == "__main__":
    sys.exit(main())
