"""Asking the source of the credentials before every attempt of a session."""

from __future__ import annotations

import inspect

from customauth.connecting import CredentialsSource
from customauth.credentials import CustomAuth
from customauth.errors import CredentialError, CredentialsUnavailable


async def fresh(source: CredentialsSource) -> CustomAuth:
    """Ask for the credentials of one attempt.

    :raises CredentialError: from the source, or because it gives something else.
    :raises CredentialsUnavailable: the source failed.
    """
    if isinstance(source, CustomAuth):
        return source
    try:
        given = source()
        credentials = await given if inspect.isawaitable(given) else given
    except CredentialError:
        raise
    except Exception as error:
        raise CredentialsUnavailable(error) from error
    if not isinstance(credentials, CustomAuth):
        kind = type(credentials).__name__
        raise CredentialError(f"the source of the credentials gives a {kind}; let it return a customauth.CustomAuth")
    return credentials
