"""``customauth authorizer list``: the authorizers of a configuration."""

from __future__ import annotations

import json
from pathlib import Path

import click

from customauth.cli.configuration import config_option, read_config
from customauth.cli.options import json_option


@click.command()
@config_option
@json_option
def command(config_file: Path | None, as_json: bool) -> None:
    """List the authorizers of a gateway configuration: name, status, signing, function."""
    config = read_config(config_file)
    authorizers = config.authorizers.values()
    if as_json:
        rows = [
            {
                "name": authorizer.name,
                "status": "ACTIVE" if authorizer.active else "INACTIVE",
                "signing_disabled": authorizer.signing_disabled,
                "token_key_name": authorizer.token_key_name,
                "public_keys": list(authorizer.public_keys),
                "function": str(authorizer.function),
                "default": authorizer.name == config.default_authorizer,
            }
            for authorizer in authorizers
        ]
        click.echo(json.dumps(rows, indent=2))
        return
    from customauth.cli.table import print_table

    print_table(
        [
            {
                "authorizer": authorizer.name,
                "status": "ACTIVE" if authorizer.active else "INACTIVE",
                "signing": "disabled"
                if authorizer.signing_disabled
                else f"{authorizer.token_key_name}, keys {', '.join(authorizer.public_keys)}",
                "function": str(authorizer.function),
                "default": "account" if authorizer.name == config.default_authorizer else "",
            }
            for authorizer in authorizers
        ]
    )
