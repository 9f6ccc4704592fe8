"""``customauth policy lint``: what is likely wrong with policy documents."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from customauth.cli.exits import ExitCode
from customauth.cli.options import json_option
from customauth.cli.policy_files import Document, read_documents
from customauth.cli.say import printable, say

if TYPE_CHECKING:
    from customauth.policy_lint import Finding


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--account", metavar="NUMBER", help="The account that resources have to be of.")
@click.option("--region", metavar="NAME", help="The region that resources have to be of.")
@json_option
def command(files: tuple[str, ...], account: str | None, region: str | None, as_json: bool) -> ExitCode:
    """Check policy documents, or the whole answer of an authorizer's function; all FILEs apply together.

    Exit code 0: nothing, or warnings only; 7: errors; 2: a FILE cannot be read.
    """
    from customauth.policy_lint import Weight, lint

    documents = read_documents(files)
    findings = lint([document.content for document in documents], account=account, region=region)
    errors = sum(found.weight is Weight.ERROR for found in findings)
    if as_json:
        click.echo(json.dumps([_as_json(found, documents) for found in findings], indent=2))
    else:
        for found in findings:
            _show(found, documents)
        counts = f"{_count(errors, 'error')}, {_count(len(findings) - errors, 'warning')}"
        say(f"{counts} in {_count(len(documents), 'document')}")
    return ExitCode.REFUSED if errors else ExitCode.OK


def _show(found: Finding, documents: list[Document]) -> None:
    where = ": ".join(part for part in (_name(found, documents), printable(found.place)) if part)
    facts = f" ({', '.join(found.rule.facts)})" if found.rule.facts else ""
    click.echo(f"{where}: {found.weight.value} {found.rule.name}: {printable(found.why)}{facts}")
    click.echo(f"  cure: {found.rule.cure}")


def _name(found: Finding, documents: list[Document]) -> str:
    return documents[found.document - 1].name if found.document else "all documents"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _as_json(found: Finding, documents: list[Document]) -> dict[str, object]:
    return {
        "rule": found.rule.name,
        "weight": found.weight.value,
        "document": found.document or None,
        "name": _name(found, documents),
        "place": found.place,
        "why": found.why,
        "cure": found.rule.cure,
        "facts": list(found.rule.facts),
    }
