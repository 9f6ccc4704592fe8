"""The scenarios of the comparison: which credentials are shown, and how an attempt with them should end."""

from __future__ import annotations

from collections.abc import Callable

from attrs import evolve, frozen

from customauth import ClosedBeforeConnack, ConnackRefused, ConnectError, CustomAuth


@frozen(kw_only=True)
class Scenario:
    """One thing that every backend is asked to do.

    :ivar credentials: turns good credentials into those that are shown; None where that cannot be done with them.
    :ivar expected: the errors that are the right end; empty when the connection should be accepted.
    """

    name: str
    description: str
    credentials: Callable[[CustomAuth], CustomAuth | None]
    expected: tuple[type[ConnectError], ...] = ()


def _as_they_are(credentials: CustomAuth) -> CustomAuth:
    return credentials


def _wrong_signature(credentials: CustomAuth) -> CustomAuth | None:
    """Turn round the first half of the signature: still base64 of the right length, but of nothing."""
    if credentials.token is None:
        return None
    signature = credentials.token.signature
    half = len(signature) // 2
    return evolve(credentials, token=evolve(credentials.token, signature=signature[half - 1 :: -1] + signature[half:]))


SCENARIOS = (
    Scenario(name="good", description="good credentials", credentials=_as_they_are),
    Scenario(
        name="wrong-signature",
        description="a signature that is not of the token",
        credentials=_wrong_signature,
        expected=(ConnackRefused, ClosedBeforeConnack),
    ),
)
