"""``customauth backends``: which MQTT libraries there are, and what each can do."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from customauth.cli.options import json_option
from customauth.feature import Feature

if TYPE_CHECKING:
    from customauth.backend_info import BackendInfo


@click.command()
@json_option
def command(as_json: bool) -> None:
    """List the backends: which distribution brings each, which library it uses, and what it can do."""
    from customauth.plugins import default_manager

    def row(info: BackendInfo) -> dict[str, Any]:
        return {
            "name": info.name,
            "distribution": f"{info.distribution} {info.version}".strip(),
            "library": info.library,
            "library_version": info.library_version,
            "installed": info.problem is None,
            "problem": info.problem,
            "features": [feature.value for feature in Feature if feature in info.features],
        }

    rows = [row(info) for info in default_manager().describe()]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    from customauth.cli.table import print_table

    print_table(
        [
            {
                "backend": entry["name"],
                "from": entry["distribution"],
                "library": f"{entry['library']} {entry['library_version']}" if entry["installed"] else "not usable",
                "features": ", ".join(entry["features"]),
            }
            for entry in rows
        ]
    )
    for entry in rows:
        if entry["problem"]:
            click.echo(f"{entry['name']}: {entry['problem']}")
