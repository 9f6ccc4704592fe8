"""Write what the conformance kit saw of each failure into the documentation.

::

    CUSTOMAUTH_FAILURE_TABLE=seen.jsonl pytest tests/conformance -k 'Backend and not Template'
    python tools/failure_table.py seen.jsonl docs/errors.md

The table goes between two marker lines. What one backend tells in another way than the rest is said in its cell.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from customauth.testing.conformance.recording import Seen
from customauth.testing.conformance.table import FAILURES

BEGIN = "<!-- failure table: made by tools/failure_table.py -->"
END = "<!-- end of the failure table -->"

NOTHING = "-"
"""What stands where there is nothing to say: a backend that does not declare what the row needs."""

# What a user sees of one: the class, the stage and the detail.
_Told = tuple[str, str, str]


def read(files: Iterable[Path]) -> list[Seen]:
    """Read what the kit recorded.

    :raises ValueError: a line is no record.
    """
    return [Seen(**json.loads(line)) for file in files for line in file.read_text().splitlines()]


def table(seen: Sequence[Seen], backends: Sequence[str]) -> str:
    """Return the table as Markdown: one row for each failure of the kit, one column for each backend."""
    by_place: dict[tuple[str, str], list[Seen]] = defaultdict(list)
    for one in seen:
        by_place[one.fault, one.backend].append(one)
    head = ["what goes wrong", "MQTT", "error", "stage", "says", *backends]
    lines = [_row(head), _row(["---"] * len(head))]
    for failure in FAILURES:
        every = [one for backend in backends for one in by_place[failure.name, backend]]
        usual = _usual(every)
        error, stage, detail = usual
        cells = [_cell(by_place[failure.name, backend], usual) for backend in backends]
        versions = " ".join(version.label for version in reversed(failure.versions))
        shown = [f"`{failure.name}`", versions, f"`{error}`" if error else NOTHING, stage or NOTHING, detail or NOTHING]
        lines.append(_row([*shown, *cells]))
    return "\n".join(lines)


def merge(page: str, made: str) -> str:
    """Put the table between the markers of a page.

    :raises ValueError: the page lacks a marker.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page has no place for the table; put two lines into it: {BEGIN} and {END}")
    return f"{before}{BEGIN}\n\n{made}\n\n{END}{after}"


def missing(seen: Sequence[Seen], backends: Sequence[str]) -> list[str]:
    """Return the failures that no backend was seen to tell."""
    found = {one.fault for one in seen if one.backend in backends}
    return [failure.name for failure in FAILURES if failure.name not in found]


def _told(one: Seen) -> _Told:
    return one.error, one.stage, one.detail


def _usual(seen: Iterable[Seen]) -> _Told:
    counted = Counter(map(_told, seen))
    return counted.most_common(1)[0][0] if counted else ("", "", "")


def _cell(seen: Sequence[Seen], usual: _Told) -> str:
    """Say how long it took, and where a backend tells something else than the rest, what, and on which version."""
    if not seen:
        return NOTHING
    parts = []
    for told in sorted({_told(one) for one in seen}, key=lambda told: (told != usual, told)):
        group = [one for one in seen if _told(one) == told]
        took = _time(statistics.median(one.milliseconds for one in group))
        versions = sorted({one.version for one in group}, reverse=True)
        where = "" if len(group) == len(seen) else f"{' '.join(versions)}: "
        parts.append(where + (took if told == usual else f"`{told[0]}` {told[2]}".rstrip() + f", {took}"))
    return "; ".join(parts)


def _time(milliseconds: float) -> str:
    """Round so far that the table of another run on the same machine reads much the same."""
    if milliseconds < 100:
        return "< 0.1 s"
    return f"{milliseconds / 1000:.1f} s"


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def main(words: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("seen", nargs="+", type=Path, help="files that the kit wrote")
    parser.add_argument("page", type=Path, help="the page with the markers")
    given = parser.parse_args(words)
    seen = read(given.seen)
    backends = sorted({one.backend for one in seen})
    if left := missing(seen, backends):
        print(f"no backend was seen to tell {', '.join(left)}; run the whole kit")
        return 1
    given.page.write_text(merge(given.page.read_text(), table(seen, backends)))
    print(f"{given.page}: {len(FAILURES)} failures, {', '.join(backends)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
