"""``customauth swarm``: a fleet of signed clients."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from customauth.cli import secrets
from customauth.cli.credentials import credential_options, given_credentials
from customauth.cli.exits import ExitCode
from customauth.cli.misuse import Misuse
from customauth.cli.optional_file import STDOUT, check_file, optional_file
from customauth.cli.options import VERSIONS, backend_option, ca_option, port_option, resolved
from customauth.cli.profile import takes_profile
from customauth.cli.say import say
from customauth.endpoint import Transport
from customauth.request import CredentialsIn

if TYPE_CHECKING:
    from customauth.swarm import Moment, Plan, Series, Settings


def _rate(context: click.Context, parameter: click.Parameter, value: str | None) -> float | None:
    """Read connects a second, ``200`` or ``200/s``."""
    try:
        return None if value is None else float(value.removesuffix("/s"))
    except ValueError:
        raise click.BadParameter(f"{value!r} is no rate; write 200 or 200/s", context, parameter) from None


_SECONDS = click.FloatRange(0)


@click.command()
@click.option("--clients", type=click.IntRange(1), metavar="N", help="How many.  [default: 100, or all of --csv]")
@click.option("--rate", callback=_rate, metavar="N/s", help="Connects a second while they gather.  [default: 100/s]")
@click.option(
    "--duration", type=_SECONDS, metavar="SECONDS", help="How long they stay once all are there.  [default: 60]"
)
@click.option(
    "--publish-every",
    type=click.FloatRange(0, min_open=True),
    metavar="SECONDS",
    help="Each client publishes so often.",
)
@click.option(
    "--publish-topic", metavar="TOPIC", help="{client_id} and {n} are the client's.  [default: sample/{client_id}]"
)
@click.option("--publish-qos", type=click.IntRange(0, 1), metavar="N", help="0 or 1.  [default: 1]")
@click.option("--publish-size", type=click.IntRange(0), metavar="BYTES", help="Of the payload.  [default: 64]")
@click.option(
    "--storm-after", type=_SECONDS, metavar="SECONDS", help="Cut all connections, so long after all are there."
)
@click.option("--storm-jitter", type=_SECONDS, metavar="SECONDS", help="Each comes back within so long.  [default: 5]")
@click.option(
    "--refresh",
    type=click.FloatRange(0, min_open=True),
    metavar="SECONDS",
    help="Connect anew with fresh credentials so often.",
)
@click.option("-i", "--client-id", metavar="TEXT", help="{n} is the client's number.  [default: device-{n}]")
@click.option("--csv", "table", type=click.Path(), metavar="FILE", help="A row of credentials for each client.")
@credential_options
@backend_option
@click.option("-V", "--protocol", type=click.Choice(list(VERSIONS)), help="MQTT version.  [default: 5]")
@port_option
@ca_option
@click.option("--address", metavar="HOST[:PORT]", help="Dial this, but keep ENDPOINT as the server's name.")
@click.option(
    "--transport", type=click.Choice([each.value for each in Transport]), help="MQTT in TLS, or in a WebSocket."
)
@click.option(
    "--credentials-in",
    type=click.Choice([each.value for each in CredentialsIn]),
    help="Where they travel.  [default: username]",
)
@click.option("-k", "--keep-alive", type=int, metavar="SECONDS", help="AWS takes 30 to 1200.  [default: 60]")
@click.option("--timeout", type=float, metavar="SECONDS", help="For an attempt, and for a PUBACK.  [default: 30]")
@click.option(
    "--processes", type=click.IntRange(1), metavar="N", help="That share the clients.  [default: one a processor]"
)
@click.option(
    "--scenario",
    "file",
    type=click.Path(path_type=Path),
    metavar="FILE.toml",
    help="All of this from a file; options go before it.",
)
@click.option("--beyond-quotas", is_flag=True, help="Do more than AWS's documented quotas allow.")
@optional_file("--json", "json_file", "Print the JSON document, or write it to FILE.")
@click.option("--html", "html_file", metavar="FILE", help="Write the page there.")
@click.argument("endpoint", required=False)
@takes_profile(only_beside=("endpoint", "profile"))
def command(
    endpoint: str | None,
    file: Path | None,
    beyond_quotas: bool,
    json_file: str | None,
    html_file: str | None,
    **options: Any,
) -> int:
    """Connect a fleet of clients, hold them, let them publish, cut them all off and see them come back.

    Without ENDPOINT against a local gateway that it starts itself. Texts of the credentials may hold {n} and
    {client_id}; with --sign-with each client signs its own token. Ctrl-C ends it in good order, with a report.

    Exit code 0 when every client was there at the end and nothing was refused or lost, 7 otherwise.
    """
    import asyncio

    if json_file is not None:
        check_file("--json", json_file, (".json",))
    if html_file is not None:
        check_file("--html", html_file)
    settings = _settings(endpoint, file, options)
    return asyncio.run(_swarm(settings, beyond_quotas=beyond_quotas, json_file=json_file, html_file=html_file))


def _settings(endpoint: str | None, file: Path | None, options: dict[str, Any]) -> Settings:
    from customauth.swarm import Settings, read_scenario

    given = given_credentials(options)
    cafile, table = options.pop("cafile"), options.pop("table")
    said: dict[str, Any] = {
        **options,
        "endpoint": None if endpoint is None else resolved(endpoint, options),
        "ca_pem": None if cafile is None else secrets.read_file(cafile, "--cafile"),
        "table": None if table is None else _text("--csv", secrets.read_file(table, "--csv")),
        "authorizer": given.authorizer,
        "username": given.username or None,
        "token_key_name": given.token_key_name,
        "password": _text("the password", given.password),
        "token": _text("the token", given.token),
        "signature": _text("the signature", given.signature),
        "private_pem": _key(given.sign_with),
        "passphrase": given.passphrase,
        "jwt": _text("the JWT", given.jwt),
    }
    settings = Settings(**said)
    return settings if file is None else settings.over(read_scenario(file))


def _key(file: str | None) -> bytes | None:
    if file is not None and file.startswith("kms:"):
        raise Misuse("a fleet would ask KMS for thousands of signatures", "sign with a key file, or give a --csv")
    return None if file is None else secrets.read_file(file, "--sign-with")


def _text(what: str, raw: bytes | None) -> str | None:
    return None if raw is None else secrets.as_text(what, raw)


async def _swarm(settings: Settings, *, beyond_quotas: bool, json_file: str | None, html_file: str | None) -> int:
    from customauth.cli.swarm_place import placed
    from customauth.cli.swarm_screen import show, watched
    from customauth.swarm import Quotas, Series, check_quotas, is_aws

    async with placed(settings) as plan:
        if is_aws(plan) and not beyond_quotas:
            quotas = Quotas()
            check_quotas(plan, quotas)
            say(f"AWS's quotas, as documented: {quotas.told()}; --beyond-quotas does without them")
        series = Series()
        last, held = await watched(plan, series)
    document = _written(plan, last, held, series, json_file=json_file, html_file=html_file)
    if json_file != STDOUT:
        show(document)
    return _code(document)


def _written(
    plan: Plan, last: Moment, held: Moment | None, series: Series, *, json_file: str | None, html_file: str | None
) -> dict[str, Any]:
    import json

    from customauth import PluginManager
    from customauth.swarm import document, report

    found = document(plan, last, series, held)
    if json_file == STDOUT:
        click.echo(json.dumps(found, indent=2))
    elif json_file is not None:
        _write("--json", json_file, json.dumps(found, indent=2) + "\n")
    if html_file is not None:
        from customauth.compare.page import render

        _write("--html", html_file, render(report(plan, last, PluginManager())))
    return found


def _write(option: str, file: str, text: str) -> None:
    try:
        Path(file).write_text(text, encoding="utf-8")
    except OSError as error:
        raise Misuse(f"{file}: {error.strerror or error}", f"give {option} a file that can be written") from error
    say(f"Wrote {os.path.abspath(file)}")


def _code(document: dict[str, Any]) -> ExitCode:
    counts, wanted = document["counts"], document["plan"]["clients"]
    if document["interrupted"]:
        return ExitCode.INTERRUPTED
    publish = document["plan"]["publish"]
    answered = counts["acknowledged"] + counts["interrupted"]
    there = document["connectedAtTheEnd"] + document["refreshingAtTheEnd"]
    whole = there == wanted and not counts["lost"] and not document["errors"]
    if publish is not None and publish["qos"] == 1:
        whole = whole and answered == counts["published"]
    return ExitCode.OK if whole else ExitCode.REFUSED
