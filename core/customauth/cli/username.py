"""``customauth username``: the credentials as they look on the wire."""

from __future__ import annotations

import json
from typing import Any

import click

from customauth.cli.credentials import credential_options, take_credentials
from customauth.cli.options import json_option
from customauth.cli.profile import takes_profile
from customauth.credentials import CustomAuth
from customauth.errors import CredentialError


@click.command()
@credential_options
@click.option("--unmask", is_flag=True, help="Show token, signature and password in clear.")
@json_option
@takes_profile()
def command(unmask: bool, as_json: bool, **options: Any) -> None:
    """Show what the credentials look like on the wire: MQTT user name, HTTP headers, URL query."""
    credentials = take_credentials(options)
    username = credentials.mqtt_username() if unmask else credentials.masked_username()
    headers, problem = _headers(credentials, unmask)
    query = credentials.url_query() if unmask else credentials.masked_query()
    password = credentials.password
    shown_password = None if password is None else repr(password)[2:-1] if unmask else "***"
    if as_json:
        document = {"username": username, "password": shown_password, "headers": headers, "query": query}
        click.echo(json.dumps(document, indent=2))
        return
    click.echo(f"MQTT user name: {'(none)' if username is None else username}")
    click.echo(f"MQTT password:  {'(none)' if shown_password is None else shown_password}")
    click.echo(f"URL query:      {query or '(none)'}")
    if headers is None:
        click.echo(f"HTTP headers:   not possible: {problem}")
    else:
        click.echo("HTTP headers:" + ("" if headers else "   (none)"))
        for name, value in headers.items():
            click.echo(f"  {name}: {value}")


def _headers(credentials: CustomAuth, unmask: bool) -> tuple[dict[str, str] | None, str | None]:
    """Return the headers, or why the credentials cannot travel in headers."""
    try:
        headers = credentials.http_headers()
    except CredentialError as error:
        return None, str(error)
    secret = {credentials.token.value, credentials.token.signature} if credentials.token and not unmask else set()
    return {name: "***" if value in secret else value for name, value in headers.items()}, None
