"""``customauth authorizer test``: run an authorizer's function as TestInvokeAuthorizer does."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from customauth.cli import secrets
from customauth.cli.configuration import config_option, read_config
from customauth.cli.contexts import CONTEXTS, context_options, given_context, read_http, read_mqtt, read_tls
from customauth.cli.credentials import credential_options, take_credentials
from customauth.cli.exits import ExitCode
from customauth.cli.live_connection import live_attempt, live_options
from customauth.cli.misuse import Misuse
from customauth.cli.options import json_option
from customauth.cli.profile import Level, current_profile, level, takes_profile
from customauth.cli.say import say
from customauth.endpoint import Transport

if TYPE_CHECKING:
    from customauth.gateway import GatewayConfig, Refusal
    from customauth.gateway.invoke_request import ServiceError, TestRequest
    from customauth.gateway.invoking import Prepared, TestResult

_OPERATION = "TestInvokeAuthorizer"
# Options that only a connection has; any of them says that one is meant.
_OF_A_CONNECTION = (
    "username",
    "password",
    "password_file",
    "token_key_name",
    "jwt",
    "jwt_file",
    "client_id",
    "transport",
    "credentials_in",
)


@click.command()
@config_option
@context_options
@credential_options
@live_options
@click.option("--event", "event_only", is_flag=True, help="Print the function's event, and do not run the function.")
@click.option("--unmask", is_flag=True, help="Show the secrets in the event and in error messages in clear.")
@click.option("--show-function-output", is_flag=True, help="Show what the function prints. It may show credentials.")
@json_option
@click.argument("words", nargs=-1, metavar="[NAME] [ENDPOINT]")
@takes_profile(only_beside=("profile",), leave_out=("endpoint",))
def command(
    words: tuple[str, ...],
    config_file: Path | None,
    event_only: bool,
    unmask: bool,
    show_function_output: bool,
    as_json: bool,
    **options: Any,
) -> int:
    """Run the function of authorizer NAME as TestInvokeAuthorizer does, ACTIVE or not, and print its answer.

    As with AWS: --token and --token-signature, or one context or more. Or on the event of a connection that customauth
    connect would make: --username, --password-file, --token-key-name, --profile, ENDPOINT and so on; the connection is
    not made.

    Exit codes: 0 isAuthenticated is true, 7 it is false or there is no valid answer, 2 the request is invalid.
    """
    from customauth.gateway import Refusal
    from customauth.gateway.invoke_request import InvalidResponse, ServiceError
    from customauth.gateway.invoking import prepare

    config = read_config(config_file)
    name, endpoint = _name_and_endpoint(words, options)
    try:
        if endpoint is not None or current_profile() or any(options[option] for option in _OF_A_CONNECTION):
            prepared = _live(config, name, endpoint, options)
        else:
            prepared = prepare(config, _request(config, name, options))
    except ServiceError as error:
        return _failed(error, ExitCode.USAGE, str)
    if isinstance(prepared, Refusal):
        say(f"error: the connection would be refused before the function is asked: {prepared.why}")
        say(f"next: {prepared.fix}")
        return ExitCode.REFUSED
    shown = str if unmask else prepared.without_secrets
    if event_only:
        click.echo(json.dumps(prepared.event if unmask else prepared.masked_event, indent=4))
        _note(prepared, as_json)
        return ExitCode.OK
    try:
        result = _invoke(config, prepared)
    except InvalidResponse as error:
        _show_output(prepared, error.output, show_function_output)
        return _failed(error, ExitCode.REFUSED, shown)
    click.echo(json.dumps(result.as_json(), indent=4))
    _show_output(prepared, result.output, show_function_output)
    _note(prepared, as_json)
    if not as_json:
        _explain(prepared, result, shown)
    return ExitCode.OK if result.answer.authenticated else ExitCode.REFUSED


def _name_and_endpoint(words: tuple[str, ...], options: dict[str, Any]) -> tuple[str | None, str | None]:
    """Tell NAME and ENDPOINT apart: with --authorizer, as in a command line of connect, there is only ENDPOINT."""
    is_option = level("authorizer") is Level.COMMAND_LINE
    rest = words if is_option else words[1:]
    if len(rest) > 1:
        raise click.UsageError(f"{len(rest) - 1} words too many, from {rest[1]!r} on", click.get_current_context())
    if words and not is_option:
        options["authorizer"] = words[0]
    return options["authorizer"], rest[0] if rest else None


def _request(config: GatewayConfig, name: str | None, options: dict[str, Any]) -> TestRequest:
    """Make the request that AWS would get; what stands on the command line overrules the environment."""
    from customauth.gateway.invoke_request import TestRequest

    if name is None:
        raise Misuse("which authorizer?", f"name one of {', '.join(config.authorizers)}")
    contexts = [given_context(secret, options) for secret in CONTEXTS]
    token, signature = (secret.given(options) for secret in (secrets.TOKEN, secrets.SIGNATURE))
    key_file: str | None = options["sign_with"]
    if signature is not None and key_file is not None:
        raise Misuse("the signature and a key to make it are both given", "give --token-signature or --sign-with")
    if all(context is None for context in contexts):
        token = secrets.TOKEN.from_environment() if token is None else token
        if signature is None and key_file is None:
            signature = secrets.SIGNATURE.from_environment()
        if token is None and signature is None:
            contexts = [secret.from_environment() for secret in CONTEXTS]
    http, mqtt, tls = contexts
    return TestRequest(
        authorizer=name,
        token=None if token is None else secrets.as_text("the token", token),
        token_signature=_signature(token, signature, key_file, secrets.PASSPHRASE.take(options)),
        http=read_http(http),
        mqtt=read_mqtt(mqtt),
        tls=read_tls(tls),
    )


def _signature(
    token: bytes | None, signature: bytes | None, key_file: str | None, passphrase: bytes | None
) -> str | None:
    if key_file is None:
        return None if signature is None else secrets.as_text("the signature", signature)
    if token is None:
        raise Misuse("there is a key to sign with, but no token", "add --token-file PATH")
    from customauth.cli import keys

    return keys.sign_with(key_file, secrets.as_text("the token", token), option="--sign-with", passphrase=passphrase)


def _live(config: GatewayConfig, name: str | None, endpoint: str | None, options: dict[str, Any]) -> Prepared | Refusal:
    from customauth.gateway import Reason, Refusal
    from customauth.gateway.invoking import prepare_live

    if any(given_context(secret, options) is not None for secret in CONTEXTS):
        raise Misuse(
            "a context and the options of a connection are both given",
            "give contexts only, as with AWS, or none and what customauth connect takes",
        )
    profile = current_profile()
    if endpoint is None and profile is not None and str(profile.values.get("endpoint")).startswith("wss://"):
        # The name is that of another server; how it is spoken to is as in the profile.
        options["transport"] = options["transport"] or Transport.WSS.value
    authorizer = None if name is None else config.authorizers.get(name)
    if authorizer is not None and _has_token(options):
        options["token_key_name"] = options["token_key_name"] or authorizer.token_key_name
    attempt, spoken = live_attempt(config, take_credentials(options), options, endpoint)
    prepared = prepare_live(config, attempt, spoken, name)
    if name is None and isinstance(prepared, Refusal) and prepared.reason is Reason.NOT_FOUND:
        raise Misuse(f"which authorizer? {prepared.why}", f"name one of {', '.join(config.authorizers)}")
    return prepared


def _has_token(options: Mapping[str, Any]) -> bool:
    return any(secret.level(options) is not Level.ABSENT for secret in (secrets.TOKEN, secrets.JWT))


def _invoke(config: GatewayConfig, prepared: Prepared) -> TestResult:
    import asyncio

    from customauth.gateway.invoking import invoke
    from customauth.gateway.runtimes.choose import bundled_runtime
    from customauth.plugins import default_manager

    try:
        return asyncio.run(invoke(config, default_manager().runtime_factory(bundled_runtime), prepared))
    except ValueError as error:
        raise Misuse(str(error), "mend the authorizer's function in the configuration") from error


def _failed(error: ServiceError, code: ExitCode, shown: Callable[[str], str]) -> int:
    """Say what went wrong, in the words of the AWS CLI, and what to do."""
    # A null is worded as the AWS CLI does.
    text = shown(str(error.text))
    say(f"An error occurred ({error.code}) when calling the {_OPERATION} operation: {text}")
    if error.why:
        say(f"cause: {shown(error.why)}")
    say(f"next: {error.fix}")
    return code


def _explain(prepared: Prepared, result: TestResult, shown: Callable[[str], str]) -> None:
    """Say what the answer means for the connection that the test stands for."""
    from customauth.gateway import Grant, Refusal

    attempt = prepared.attempt
    who = "the client" if not attempt.client_id else f"client {attempt.client_id!r}"
    match result.outlook:
        case Grant(why=why):
            say(f"This answer lets {who} connect: {shown(why)}.")
        case Refusal(why=why, fix=fix):
            say(f"This answer refuses {who}: {shown(why)}.")
            say(f"next: {fix}")
        case None if attempt.connect is None:
            say("This answer accepts the credentials; what its policies allow depends on client id and topic.")
        case None:
            say("This answer accepts the credentials; add a clientId to see whether that client may connect.")


def _note(prepared: Prepared, as_json: bool) -> None:
    if prepared.obstacle is not None and not as_json:
        say(f"note: a connection would not get this far: {prepared.obstacle.why}; {prepared.obstacle.fix}")


def _show_output(prepared: Prepared, output: str, wanted: bool) -> None:
    if wanted and output:
        for line in output.removesuffix("\n").split("\n"):
            say(f"{prepared.authorizer.name} | {line}")
