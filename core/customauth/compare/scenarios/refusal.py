"""How soon it is told that credentials are refused."""

from __future__ import annotations

import time
from typing import ClassVar

from attrs import evolve

from customauth import ClosedBeforeConnack, ConnackRefused, CustomAuth
from customauth.compare.bench import Bench
from customauth.compare.result import Kind, Measure
from customauth.compare.scenario import NotApplicable, Scenario, Subject, Turn


class RefusalTime(Scenario):
    """Connect with a signature that is not of the token."""

    name = "refusal"
    title = "Refused credentials"
    description = (
        "From the call to the error when the signature is not of the token: a refusing CONNACK on MQTT 5 (F1), a "
        "closed connection on MQTT 3.1.1 (F3)."
    )
    kind = Kind.SPEED
    measures: ClassVar[tuple[Measure, ...]] = (Measure(name="refusal", title="refusal told", unit="ms"),)

    async def turn(self, bench: Bench, subject: Subject) -> Turn:
        wrong = _wrongly_signed(bench.credentials)
        times = []
        for _ in range(bench.repetitions(3, 10)):
            began = time.perf_counter()
            try:
                connection = await bench.connect(subject, credentials=wrong)
            except (ConnackRefused, ClosedBeforeConnack):
                times.append((time.perf_counter() - began) * 1000)
            else:
                await connection.aclose()
                raise RuntimeError("a wrong signature was accepted")
        return Turn(measurements={"refusal": tuple(times)})


def _wrongly_signed(credentials: CustomAuth) -> CustomAuth:
    """Turn round the first half of the signature: still base64 of the right length, but of nothing.

    :raises NotApplicable: when there is none.
    """
    if credentials.token is None:
        raise NotApplicable("it needs a signed token")
    signature = credentials.token.signature
    half = len(signature) // 2
    return evolve(credentials, token=evolve(credentials.token, signature=signature[half - 1 :: -1] + signature[half:]))
