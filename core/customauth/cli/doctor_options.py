"""What ``customauth doctor`` examines: the options of ``connect``, or what a device itself sends."""

from __future__ import annotations

import codecs
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from customauth.cli import secrets
from customauth.cli.credentials import Given, credential_options, given_credentials
from customauth.cli.misuse import Misuse
from customauth.cli.options import VERSIONS, backend_option, connection_options, take_endpoint
from customauth.cli.profile import Level, level
from customauth.endpoint import ALPN, Transport
from customauth.request import CredentialsIn

if TYPE_CHECKING:
    from customauth.doctor import Setup
    from customauth.doctor.setup import WillPart
    from customauth.endpoint import Endpoint

F = TypeVar("F", bound=Callable[..., Any])

FROM_USERNAME = secrets.Secret(
    names=("from-username",), what="Examine this MQTT user name, as the device sends it, in place of credentials."
)
FROM_QUERY = secrets.Secret(
    names=("from-query",), what="Examine this query of a WebSocket's URL, as the device sends it, likewise."
)

_CREDENTIALS = ("authorizer", "username", "sign_with")
_CREDENTIAL_SECRETS = (secrets.TOKEN, secrets.SIGNATURE, secrets.JWT)
# A captured CONNECT has its own.
_IN_CONNECT = (
    *("protocol", "client_id", "keep_alive", "kept_session", "session_expiry"),
    *("will_topic", "will_payload", "will_qos", "will_retain", "will_delay", "credentials_in"),
)


def setup_options(command: F) -> F:
    """Add the options that say what is examined; :func:`take_setup` reads them."""
    for add in reversed(
        [
            connection_options,
            credential_options,
            backend_option,
            FROM_USERNAME.options,
            FROM_QUERY.options,
            click.option(
                "--capture",
                type=click.Path(),
                metavar="FILE",
                help="Examine the CONNECT in these bytes: raw, hexadecimal or base64; - is standard input.",
            ),
            click.option(
                "--alpn", metavar="NAME", help="The ALPN that the device offers, '' for none.  [default: mqtt]"
            ),
            click.option(
                "--public-key",
                "public_keys",
                multiple=True,
                type=click.Path(),
                metavar="FILE",
                help="A public key of the authorizer (PEM), to verify the signature with; may be repeated.",
            ),
            click.option(
                "--publish", multiple=True, metavar="TOPIC", help="The device publishes to this; may be repeated."
            ),
            click.option(
                "--subscribe", multiple=True, metavar="FILTER", help="The device subscribes to this; may be repeated."
            ),
        ]
    ):
        command = add(command)
    return command


def take_setup(options: dict[str, Any], endpoint: str | None) -> Setup:
    """Take those options out of ``options``; what would not work is not refused but examined.

    :raises Misuse: options that exclude each other, or a file that cannot be read.
    :raises CredentialError: a capture without a CONNECT, or a key that cannot sign.
    :raises EndpointError: an endpoint, port or proxy that cannot be dialled.
    """
    import attrs

    from customauth.doctor.reading import setup_from_capture, setup_from_flags, setup_from_username

    capture: str | None = options.pop("capture")
    raw = _raw(options, capture)
    _check_sources(options, raw, capture)
    files = _files(options)
    base = attrs.evolve(_base(options, endpoint), files=files)
    if raw is None and capture is None:
        given = given_credentials(options)
        if endpoint is None and not _any_of(given):
            raise Misuse(
                "there is nothing to examine", "give the command line of connect, or --from-username-file, or --capture"
            )
        return setup_from_flags(attrs.evolve(base, password=given.password), **_named(given))
    base = attrs.evolve(base, expected_token_key_name=options.pop("token_key_name"))
    if capture is not None:
        return setup_from_capture(_read_capture(capture), base)
    assert raw is not None  # noqa: S101 - one of the two is given
    secret, value = raw
    base = attrs.evolve(base, password=secrets.PASSWORD.take(options))
    text = _as_text(value)
    if secret is FROM_USERNAME:
        return setup_from_username(text, base)
    user: str = options.pop("username")
    return _setup_from_query(text, attrs.evolve(base, user=user, username=user or None))


def _files(options: dict[str, Any]) -> dict[str, str]:
    """Return where the parts of the credentials are read from, under the names that cures have for them."""
    named = {
        "token_file": options[f"{secrets.TOKEN.parameter}_file"],
        "signature_file": options[f"{secrets.SIGNATURE.parameter}_file"],
        "private_key": options["sign_with"],
    }
    return {name: file for name, file in named.items() if file and file != "-" and not file.startswith("kms:")}


def _as_text(value: bytes) -> str:
    """Decode what was read; some shells of Windows write UTF-16, whose mark stays for lint to find."""
    if value.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "\ufeff" + value.decode("utf-16", errors="replace").rstrip("\r\n")
    return value.decode(errors="replace")


def _setup_from_query(raw: str, base: Setup) -> Setup:
    """Build the set-up of a device that opens its WebSocket with this query."""
    import attrs

    from customauth.doctor.parameters import parameters_of, parts_of
    from customauth.doctor.setup import Origin

    setup = attrs.evolve(
        base, origin=Origin.USERNAME, credentials_in=CredentialsIn.QUERY, query=raw.removeprefix("?"), headers={}
    )
    return attrs.evolve(setup, parts=parts_of(parameters_of(setup), base.expected_token_key_name))


def _raw(options: dict[str, Any], capture: str | None) -> tuple[secrets.Secret, bytes] | None:
    """Take what the device itself sends, where it is given; credentials on the command line overrule a variable."""
    if capture is None and not _credentials_on_command_line(options):
        chosen = [secret for secret in (FROM_USERNAME, FROM_QUERY) if secret.level(options)]
    else:
        chosen = [secret for secret in (FROM_USERNAME, FROM_QUERY) if secret.level(options) is Level.COMMAND_LINE]
    if len(chosen) > 1:
        raise Misuse("--from-username and --from-query are both given", "give the one that has the credentials")
    found = None
    for secret in (FROM_USERNAME, FROM_QUERY):
        if secret in chosen and (value := secret.take(options)) is not None:
            found = secret, value
        elif secret not in chosen:
            secret.leave(options)
    return found


def _credentials_on_command_line(options: dict[str, Any]) -> list[str]:
    plain = [name for name in _CREDENTIALS if level(name) is Level.COMMAND_LINE]
    return plain + [each.key for each in _CREDENTIAL_SECRETS if each.level(options) is Level.COMMAND_LINE]


def _check_sources(options: dict[str, Any], raw: tuple[secrets.Secret, bytes] | None, capture: str | None) -> None:
    """Refuse options that would be ignored beside what the device itself sends."""
    if raw is None and capture is None:
        return
    source = "--capture" if raw is None else f"--{raw[0].names[0]}"
    if raw is not None and capture is not None:
        raise Misuse(f"{source} and --capture are both given", "give one of them; a capture is the whole CONNECT")
    needless = _credentials_on_command_line(options)
    if raw is None:
        needless += [name for name in _IN_CONNECT if level(name) is Level.COMMAND_LINE]
        needless += ["password"] if secrets.PASSWORD.level(options) is Level.COMMAND_LINE else []
    elif raw[0] is FROM_QUERY:
        # The user name of the CONNECT travels beside the query.
        needless = [name for name in needless if name != "username"]
    if needless:
        option = {"kept_session": "no-clean-start"}.get(needless[0], needless[0].replace("_", "-"))
        raise Misuse(f"{source} has what the device sends, so it takes no --{option}", f"leave out --{option}")


def _base(options: dict[str, Any], endpoint: str | None) -> Setup:
    """Take all but the credentials."""
    import uuid

    from customauth.doctor import Setup

    where = _endpoint(options, endpoint)
    transport = Transport.MQTT if where is None else where.transport
    alpn: str | None = options.pop("alpn")
    usual = (ALPN,) if transport is Transport.MQTT else ()
    client_id: str | None = options.pop("client_id")
    return Setup(
        endpoint=where,
        alpn=usual if alpn is None else tuple(name.strip() for name in alpn.split(",") if name.strip()),
        version=VERSIONS[options.pop("protocol")],
        client_id=str(uuid.uuid4()) if client_id is None else client_id,
        client_id_given=client_id is not None,
        clean_start=not options.pop("kept_session"),
        session_expiry=options.pop("session_expiry"),
        keep_alive=options.pop("keep_alive"),
        will=_will(options),
        credentials_in=CredentialsIn(options.pop("credentials_in")),
        public_keys={Path(file).name: secrets.read_file(file, "--public-key") for file in options.pop("public_keys")},
        publish=options.pop("publish"),
        subscribe=options.pop("subscribe"),
        timeout=options.pop("timeout"),
    )


def _endpoint(options: dict[str, Any], endpoint: str | None) -> Endpoint | None:
    if endpoint is not None:
        return take_endpoint(options, endpoint)
    for name in ("cafile", "transport", "port", "address", "cert", "key"):
        options.pop(name)
    secrets.PROXY.leave(options)
    return None


def _will(options: dict[str, Any]) -> WillPart | None:
    topic, payload = options.pop("will_topic"), options.pop("will_payload")
    qos, retain, _ = options.pop("will_qos"), options.pop("will_retain"), options.pop("will_delay")
    if topic is None:
        return None
    from customauth.doctor.setup import WillPart

    return WillPart(topic=topic, payload=os.fsencode(payload or ""), qos=qos or 0, retain=retain)


def _any_of(given: Given) -> bool:
    told = (given.authorizer, given.username, given.password, given.token, given.signature, given.jwt)
    return any(each is not None and each != "" for each in told)


def _named(given: Given) -> dict[str, Any]:
    """Return the credentials part by part; a token that is to be signed here is."""
    token, signature, jwt = (
        None if value is None else value.decode(errors="replace") for value in (given.token, given.signature, given.jwt)
    )
    if given.sign_with is not None:
        signature = _signature(token, given)
    return {
        "authorizer": given.authorizer,
        "user": given.username,
        "token_key_name": given.token_key_name,
        "token": token,
        "signature": signature,
        "jwt": jwt,
    }


def _signature(token: str | None, given: Given) -> str:
    if token is None:
        raise Misuse("there is a key to sign with, and no token", "add --token-file PATH (- for standard input)")
    from customauth.cli import keys

    assert given.sign_with is not None  # noqa: S101 - the caller has looked
    return keys.sign_with(given.sign_with, token, option="--sign-with", passphrase=given.passphrase)


def _read_capture(file: str) -> bytes:
    if file != "-":
        return secrets.read_file(file, "--capture")
    secrets.take_standard_input("--capture")
    if sys.stdin is None:
        raise Misuse("standard input is closed", "give --capture a file")
    return sys.stdin.buffer.read()
