"""The Lambda of the account on this machine: what it knows of a function, and how it runs one: see ``aws_account``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from attrs import evolve, frozen

from customauth.gateway.runtimes.choose import bundled_runtime
from customauth.gateway.runtimes.contract import (
    FunctionFailed,
    FunctionSpec,
    FunctionThrottled,
    Invocation,
)

if TYPE_CHECKING:
    from aws_account import Account


def permission(**changed: Any) -> dict[str, Any]:
    """Return the statement that ``aws lambda add-permission`` makes as the guide says it (G3, G4).

    :param changed: what was given otherwise: ``principal``, ``action``, ``source_arn``, ``source_account``; None leaves
        out. ``source_arn`` may hold ``{authorizer}`` and ``{function}`` for their ARNs.
    """
    return {"principal": "iot.amazonaws.com", "action": "lambda:InvokeFunction", "source_arn": "{authorizer}"} | changed


@frozen(kw_only=True)
class LambdaFunction:
    """What Lambda knows of an authorizer's function.

    :ivar permissions: its resource policy, one :func:`permission` a statement.
    :ivar timeout: its own, in seconds; 3 is what Lambda gives by itself.
    :ivar concurrency: what is reserved for it; 0 throttles every invocation.
    """

    exists: bool = True
    permissions: tuple[Mapping[str, Any], ...] = (permission(),)
    timeout: int = 3
    state: str = "Active"
    concurrency: int | None = None


class NotInvoked(FunctionFailed):
    """IoT could not have Lambda run the function, so that nothing of the function's own is in the log."""


class InLambda:
    """A runtime that runs a function where it exists, may be invoked, and within its own time."""

    def __init__(self, account: Account, spec: FunctionSpec) -> None:
        self._account = account
        self._authorizer = account.authorizer_of(spec.function_arn)
        self._function = account.lambda_of(self._authorizer)
        self._group = f"/aws/lambda/{spec.name}"
        self._runtime = bundled_runtime(evolve(spec, timeout=min(spec.timeout, self._function.timeout)))

    async def invoke(self, event: Mapping[str, object]) -> Invocation:
        if not self._function.exists:
            raise NotInvoked("no such function", error_message="Function not found", error_type="NotFound")
        if not self._account.may_be_invoked(self._authorizer):
            raise NotInvoked("not permitted", error_message="Access denied", error_type="AccessDenied")
        if self._function.concurrency == 0 or self._function.state != "Active":
            raise FunctionThrottled("throttled", error_message="Rate Exceeded.", error_type="TooManyRequestsException")
        try:
            return await self._runtime.invoke(event)
        except FunctionFailed as error:
            self._account.note(self._group, f"[ERROR] {error.error_type}: {error.error_message}")
            raise

    async def aclose(self) -> None:
        await self._runtime.aclose()
