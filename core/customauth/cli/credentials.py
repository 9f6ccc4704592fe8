"""The options that say who connects."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click
from attrs import field, frozen

from customauth.cli import secrets
from customauth.cli.misuse import Misuse
from customauth.cli.profile import Level, current_profile, level
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
                "--sign-with",
                type=click.Path(),
                metavar="KEY.pem",
                help="Sign the token with this private key, or with kms:KEY of AWS KMS.",
            ),
            secrets.PASSPHRASE.options,
            secrets.JWT.options,
        ]
    ):
        command = add(command)
    return command


@frozen(kw_only=True)
class Given:
    """Who connects, from wherever it is given, before anything is checked or signed.

    :ivar token: with a signature or a key to make it, or in their place the JWT.
    :ivar sign_with: the private key that signs the token.
    """

    authorizer: str | None
    username: str
    password: bytes | None = field(repr=False)
    token_key_name: str | None
    token: bytes | None = field(repr=False)
    signature: bytes | None = field(repr=False)
    sign_with: str | None
    passphrase: bytes | None = field(repr=False)
    jwt: bytes | None = field(repr=False)


def given_credentials(options: dict[str, Any]) -> Given:
    """Take the credential options out of ``options``.

    What stands on the command line overrules the environment, and both overrule a profile: a token in the environment
    is left alone beside ``--jwt-file``, a signature beside ``--sign-with``. A profile's signature belongs to its token,
    so it is left alone beside another.

    :raises Misuse: options that exclude each other, or a secret that cannot be read.
    """
    token, signature, jwt = (secret.level(options) for secret in (secrets.TOKEN, secrets.SIGNATURE, secrets.JWT))
    key = level("sign_with")
    if jwt is Level.COMMAND_LINE and jwt in (token, signature, key):
        raise Misuse(
            "a JWT is token and signature in one", "leave out --token, --token-signature and --sign-with, or the JWT"
        )
    if jwt > max(token, signature, key):
        token = signature = key = Level.ABSENT
    else:
        jwt = Level.ABSENT
        if signature is key is Level.COMMAND_LINE:
            raise Misuse("the signature and a key to make it are both given", "give --token-signature or --sign-with")
        if signature is key is Level.ENVIRONMENT:
            raise Misuse(
                f"{secrets.SIGNATURE.variable()} and CUSTOMAUTH_SIGN_WITH are both set", "unset one of the two"
            )
        if key > signature or (signature is Level.PROFILE and token > signature and _profile_has_token()):
            signature = Level.ABSENT
        elif signature > key:
            key = Level.ABSENT
    sign_with: str | None = options.pop("sign_with")
    return Given(
        authorizer=options.pop("authorizer"),
        username=options.pop("username"),
        password=secrets.PASSWORD.take(options),
        token_key_name=options.pop("token_key_name"),
        passphrase=secrets.take_passphrase(options, key="sign_with"),
        token=_take(secrets.TOKEN, token, options),
        signature=_take(secrets.SIGNATURE, signature, options),
        sign_with=sign_with if key else None,
        jwt=_take(secrets.JWT, jwt, options),
    )


def take_credentials(options: dict[str, Any]) -> CustomAuth:
    """Take the credential options out of ``options``, as :func:`given_credentials`, and build the credentials.

    :raises Misuse: options that exclude each other, or a secret that cannot be read.
    :raises CredentialError: credentials that cannot work.
    """
    given = given_credentials(options)
    if given.jwt is not None:
        return CustomAuth.from_jwt(
            secrets.as_text("the JWT", given.jwt),
            token_key_name=_key_name(given.token_key_name, secrets.JWT),
            authorizer=given.authorizer,
            username=given.username,
            password=given.password,
        )
    signed = None
    if given.token is not None:
        name = _key_name(given.token_key_name, secrets.TOKEN)
        text = secrets.as_text("the token", given.token)
        signed = _signed(name, text, given.signature, given.sign_with, given.passphrase)
    elif given.signature is not None or given.sign_with is not None:
        raise CredentialError("there is a signature or a key but no token; add --token-file PATH")
    elif given.token_key_name is not None:
        raise CredentialError("there is a token key name but no token; add --token-file PATH, or leave the name out")
    return CustomAuth(authorizer=given.authorizer, username=given.username, password=given.password, token=signed)


def _take(secret: secrets.Secret, found: Level, options: dict[str, Any]) -> bytes | None:
    if found is Level.ABSENT:
        secret.leave(options)
        return None
    return secret.take(options)


def _profile_has_token() -> bool:
    profile = current_profile()
    return profile is not None and profile.has(secrets.TOKEN.key)


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
        from customauth.cli import keys

        made = keys.sign_with(sign_with, token, option="--sign-with", passphrase=passphrase)
        return SignedToken(key_name=key_name, value=token, signature=made)
    if signature is None:
        raise CredentialError(
            "the token needs a signature: add --token-signature-file PATH or --sign-with KEY.pem; "
            "for an authorizer with signing disabled leave the token out"
        )
    return SignedToken(key_name=key_name, value=token, signature=secrets.as_text("the signature", signature))
