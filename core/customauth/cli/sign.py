"""``customauth sign``: a token's signature."""

from __future__ import annotations

import json
from typing import Any

import click

from customauth.cli import secrets
from customauth.cli.options import json_option


@click.command()
@click.option(
    "--key",
    required=True,
    type=click.Path(),
    metavar="KEY.pem",
    help="The private key, in PEM.",
)
@secrets.TOKEN.options
@secrets.PASSPHRASE.options
@click.option("--encoded", is_flag=True, help="Percent-encode it, as it stands in a user name or URL.")
@json_option
def command(key: str, encoded: bool, as_json: bool, **options: Any) -> None:
    """Sign a token and print the signature in base64."""
    from urllib.parse import quote

    from customauth.signing import sign

    token = secrets.take_token(options)
    signature = sign(token, secrets.read_file(key, "--key"), passphrase=secrets.PASSPHRASE.take(options))
    shown = quote(signature, safe="") if encoded else signature
    click.echo(json.dumps({"signature": shown}) if as_json else shown)
