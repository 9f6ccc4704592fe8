"""``customauth keygen``: a key pair for an authorizer."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import click

from customauth.cli import secrets
from customauth.cli.misuse import Misuse
from customauth.cli.options import json_option


@click.command()
@click.option("--bits", type=click.Choice(["2048", "3072", "4096"]), default="2048", show_default=True, help="Size.")
@click.option(
    "--dir",
    "folder",
    type=click.Path(path_type=Path),
    default=Path(),
    metavar="DIR",
    help="Where to write private.pem and public.pem.  [default: the current folder]",
)
@click.option("--force", is_flag=True, help="Replace files that are there.")
@secrets.PASSPHRASE.options
@json_option
def command(bits: str, folder: Path, force: bool, as_json: bool, **options: Any) -> None:
    """Make an RSA key pair: private.pem signs tokens, public.pem goes to AWS."""
    from customauth._files import write_private
    from customauth.signing import generate_key_pair

    private, public = folder / "private.pem", folder / "public.pem"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        taken = [str(file) for file in (private, public) if file.exists()]
        if taken and not force:
            raise Misuse(f"{' and '.join(taken)} would be lost", "choose another --dir, or replace with --force")
        pair = generate_key_pair(int(bits), passphrase=secrets.PASSPHRASE.take(options))
        write_private(private, pair.private_pem)
        public.write_bytes(pair.public_pem)
    except OSError as error:
        raise Misuse(f"{folder}: {error.strerror or error}", "choose a --dir that can be written") from error
    if as_json:
        click.echo(json.dumps({"private_key": str(private), "public_key": str(public), "bits": int(bits)}, indent=2))
        return
    click.echo(f"{private}: keep it secret; it signs tokens (customauth sign --key {shlex.quote(str(private))})")
    click.echo(f"{public}: give it to AWS:")
    click.echo(
        "  aws iot create-authorizer --authorizer-name NAME --authorizer-function-arn ARN --status ACTIVE \\\n"
        f'    --token-key-name token --token-signing-public-keys key1="$(cat {shlex.quote(str(public))})"'
    )
