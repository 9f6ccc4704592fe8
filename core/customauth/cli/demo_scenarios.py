"""What ``customauth demo`` shows: a connection, and a signature that is not the token's."""

from __future__ import annotations

import time

from attrs import evolve

from customauth import ClosedBeforeConnack, ConnackRefused, ConnectError, CustomAuth
from customauth.compare import Behaviour, Bench, Kind, Scenario, Subject, Turn


class Good(Scenario):
    """Connect with the right credentials."""

    name = "good"
    title = "Good credentials"
    description = "The credentials are right."
    kind = Kind.BEHAVIOUR
    expected = "a connection"

    async def turn(self, bench: Bench, subject: Subject) -> Turn:
        """Connect, and tell how that ended."""
        error: ConnectError | None = None
        started = time.perf_counter()
        try:
            connection = await bench.connect(subject, credentials=self._credentials(bench.credentials))
        except ConnectError as refusal:
            error = refusal
        milliseconds = (time.perf_counter() - started) * 1000
        if error is None:
            await connection.aclose()
        return Turn(
            behaviour=Behaviour(
                expected=self.expected,
                as_expected=self._is_expected(error),
                error=type(error).__name__ if error else None,
                milliseconds=(milliseconds,),
            )
        )

    def _credentials(self, credentials: CustomAuth) -> CustomAuth:
        return credentials

    def _is_expected(self, error: ConnectError | None) -> bool:
        return error is None


class WrongSignature(Good):
    """Connect with a signature that is not of the token."""

    name = "wrong-signature"
    title = "Wrong signature"
    description = "The signature is not of the token."
    expected = "a refusal"

    def _credentials(self, credentials: CustomAuth) -> CustomAuth:
        """Turn round the first half of the signature: still base64 of the right length, but of nothing."""
        token = credentials.token
        assert token is not None  # noqa: S101 - the sample is signed
        half = len(token.signature) // 2
        return evolve(
            credentials, token=evolve(token, signature=token.signature[half - 1 :: -1] + token.signature[half:])
        )

    def _is_expected(self, error: ConnectError | None) -> bool:
        return isinstance(error, ConnackRefused | ClosedBeforeConnack)
