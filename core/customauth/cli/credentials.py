"""The options that say who connects."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from customauth.cli import secrets
from customauth.cli.misuse import Misuse
from customauth.credentials import CustomAuth, SignedToken
from customauth.errors import CredentialError

F = TypeVar("F", bound=Callable[..., Any])


def credential_options(command: F) -> F:
    """Add the options that say who connects; :func:`take_credentials` reads them."""
    for add in reversed(
        [
            click.option("--authorizer", "--authorizer-name", metavar="NAME", help="The custom authorizer."),
            click.option("--username", default="", metavar="TEXT", help="The user part of the user name."),
            secrets.PASSWORD.options,
            click.option(
                "--authorizer-token-key-name",
                "--token-key-name",
                "token_key_name",
                metavar="NAME",
                help="The name under which the authorizer expects the token.",
            ),
            secrets.TOKEN.options,
            secrets.SIGNATURE.options,
            click.option(
                "--sign-with", type=click.Path(), metavar="KEY.pem", help="Sign the token with this private key."
            ),
            secrets.PASSPHRASE.options,
            secrets.JWT.options,
        ]
    ):
        command = add(command)
    return command


def take_credentials(options: dict[str, Any]) -> CustomAuth:
    """Take the credential options out of ``options`` and build the credentials.

    What stands on the command line overrules the environment: a token in the environment is left alone beside
    ``--jwt-file``, a signature beside ``--sign-with``.

    :raises Misuse: options that exclude each other.
    :raises CredentialError: credentials that cannot work.
    """
    authorizer: str | None = options.pop("authorizer")
    username: str = options.pop("username")
    key_name: str | None = options.pop("token_key_name")
    sign_with: str | None = options.pop("sign_with")
    password = secrets.PASSWORD.take(options)
    passphrase = secrets.PASSPHRASE.take(options)
    token, signature, jwt = (secret.given(options) for secret in (secrets.TOKEN, secrets.SIGNATURE, secrets.JWT))
    if jwt is not None and not (token is None and signature is None and sign_with is None):
        raise Misuse(
            "a JWT is token and signature in one", "leave out --token, --token-signature and --sign-with, or the JWT"
        )
    if signature is not None and sign_with is not None:
        raise Misuse("the signature and a key to make it are both given", "give --token-signature or --sign-with")
    if jwt is None:
        token = secrets.TOKEN.from_environment() if token is None else token
        if sign_with is None and signature is None:
            signature = secrets.SIGNATURE.from_environment()
        if token is None and signature is None and sign_with is None:
            jwt = secrets.JWT.from_environment()
    if jwt is not None:
        return CustomAuth.from_jwt(
            secrets.as_text("the JWT", jwt),
            token_key_name=_key_name(key_name, secrets.JWT),
            authorizer=authorizer,
            username=username,
            password=password,
        )
    signed = None
    if token is not None:
        name = _key_name(key_name, secrets.TOKEN)
        signed = _signed(name, secrets.as_text("the token", token), signature, sign_with, passphrase)
    elif signature is not None or sign_with is not None:
        raise CredentialError("there is a signature or a key but no token; add --token-file PATH")
    elif key_name is not None:
        raise CredentialError("there is a token key name but no token; add --token-file PATH, or leave the name out")
    return CustomAuth(authorizer=authorizer, username=username, password=password, token=signed)


def _key_name(key_name: str | None, secret: secrets.Secret) -> str:
    if key_name is None:
        found = secret.variable()
        where = f" (is it the one in {found}?)" if found else ""
        raise CredentialError(
            f"the token{where} needs a name: add --token-key-name, which is the authorizer's tokenKeyName"
        )
    return key_name


def _signed(
    key_name: str, token: str, signature: bytes | None, sign_with: str | None, passphrase: bytes | None
) -> SignedToken:
    if sign_with is not None:
        from customauth.signing import signed_token

        return signed_token(key_name, token, secrets.read_file(sign_with, "--sign-with"), passphrase=passphrase)
    if signature is None:
        raise CredentialError(
            "the token needs a signature: add --token-signature-file PATH or --sign-with KEY.pem; "
            "for an authorizer with signing disabled leave the token out"
        )
    return SignedToken(key_name=key_name, value=token, signature=secrets.as_text("the signature", signature))
