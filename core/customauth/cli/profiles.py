"""``customauth profiles``: the named profiles, and where each of their secrets comes from."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from customauth.cli.exits import ExitCode
from customauth.cli.misuse import Misuse
from customauth.cli.options import json_option
from customauth.cli.profile import check_values, profile_file, read_profile_file
from customauth.cli.say import say

if TYPE_CHECKING:
    from customauth.profiles.reading import ProfileFile


@click.command()
@json_option
def command(as_json: bool) -> int:
    """List the named profiles: endpoint, authorizer, and where each secret comes from, never the secret.

    Exit code 0; 2 where a profile, or the whole file, cannot be used.
    """
    path, _ = profile_file()
    file = read_profile_file()
    rows = [] if file is None else [_row(file, name) for name in file.tables]
    no_default = None if file is None else _why_no_default(file)
    if as_json:
        default = None if file is None else file.default
        click.echo(
            json.dumps({"file": str(path), "default": default, "problem": no_default, "profiles": rows}, indent=2)
        )
    elif rows:
        _show(rows, None if file is None else file.default)
    else:
        say(f"There are no profiles: {path} {'does not exist' if file is None else 'has none'}.")
        say("next: write one, with a table [profiles.NAME], and the options of customauth connect as its keys")
    problems = [problem for problem in (no_default, *(row["problem"] for row in rows)) if problem]
    if problems and not as_json:
        for problem in problems:
            say(f"error: {problem}")
        say("next: mend the file; the other profiles can be used")
    return ExitCode.USAGE if problems else ExitCode.OK


def _row(file: ProfileFile, name: str) -> dict[str, Any]:
    from customauth.profiles.reading import ProfileError

    row: dict[str, Any] = {"name": name, "endpoint": None, "authorizer": None, "secrets": {}, "problem": None}
    try:
        profile = file.profile(name)
        for taker in _with_every_key():
            check_values(profile, taker)
    except ProfileError as error:
        return row | {"problem": str(error)}
    except Misuse as error:
        return row | {"problem": error.message}
    return row | {
        "endpoint": profile.values.get("endpoint"),
        "authorizer": profile.values.get("authorizer"),
        "secrets": {key: str(reference) for key, reference in profile.references.items()},
    }


def _why_no_default(file: ProfileFile) -> str | None:
    from customauth.profiles.reading import ProfileError

    try:
        file.check_default()
    except ProfileError as error:
        return str(error)
    return None


def _with_every_key() -> tuple[click.Command, ...]:
    """Return commands that take all keys between them."""
    from customauth.cli import doctor, pub

    return doctor.command, pub.command


def _show(rows: list[dict[str, Any]], default: str | None) -> None:
    from customauth.cli.table import print_table

    print_table(
        [
            {
                "profile": f"{row['name']} (default)" if row["name"] == default else row["name"],
                "endpoint": row["endpoint"] or "",
                "authorizer": row["authorizer"] or "",
                "secrets": ", ".join(f"{key} from {reference}" for key, reference in row["secrets"].items()),
                "state": "not usable" if row["problem"] else "",
            }
            for row in rows
        ]
    )
