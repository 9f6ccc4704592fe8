"""``customauth sign``: a token's signature."""

from __future__ import annotations

import json
from typing import Any

import click

from customauth.cli import secrets
from customauth.cli.options import json_option
from customauth.cli.profile import takes_profile


@click.command()
@click.option(
    "--key",
    type=click.Path(),
    metavar="KEY.pem",
    help="The private key in PEM, or kms:KEY of AWS KMS.  [required, or sign_with in a profile]",
)
@secrets.TOKEN.options
@secrets.PASSPHRASE.options
@click.option("--encoded", is_flag=True, help="Percent-encode it, as it stands in a user name or URL.")
@json_option
@takes_profile(renamed={"key": "sign_with"})
def command(key: str | None, encoded: bool, as_json: bool, **options: Any) -> None:
    """Sign a token and print the signature in base64."""
    if key is None:
        raise click.MissingParameter(ctx=click.get_current_context(), param_hint="'--key'", param_type="option")
    from urllib.parse import quote

    from customauth.cli import keys

    token = secrets.take_token(options)
    signature = keys.sign_with(key, token, option="--key", passphrase=secrets.take_passphrase(options, key="key"))
    shown = quote(signature, safe="") if encoded else signature
    click.echo(json.dumps({"signature": shown}) if as_json else shown)
