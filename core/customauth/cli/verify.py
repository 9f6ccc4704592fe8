"""``customauth verify``: does the signature fit the token?"""

from __future__ import annotations

import json
from typing import Any

import click

from customauth.cli import secrets
from customauth.cli.exits import ExitCode
from customauth.cli.misuse import Misuse
from customauth.cli.options import json_option
from customauth.cli.say import say


@click.command()
@click.option(
    "--public-key",
    required=True,
    type=click.Path(),
    metavar="PUBLIC.pem",
    help="The public key.",
)
@secrets.TOKEN.options
@secrets.SIGNATURE.options
@json_option
def command(public_key: str, as_json: bool, **options: Any) -> int:
    """Check a token's signature as AWS does. Exit code 0: it verifies; 2: it does not."""
    from customauth.credentials import SignedToken
    from customauth.signing import verify

    token = secrets.take_token(options)
    signature = secrets.SIGNATURE.take(options)
    if signature is None:
        raise Misuse("which signature?", "add --token-signature-file PATH (- for standard input)")
    checked = SignedToken(key_name="token", value=token, signature=secrets.as_text("the signature", signature))
    verifies = verify(checked.value, checked.signature, secrets.read_file(public_key, "--public-key"))
    if as_json:
        click.echo(json.dumps({"verifies": verifies}))
    elif verifies:
        click.echo("The signature verifies.")
    else:
        click.echo("The signature does not verify.")
        say("next: sign exactly this token, without a line end, with the private key of this key pair")
    return ExitCode.OK if verifies else ExitCode.USAGE
