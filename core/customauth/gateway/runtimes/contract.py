"""What a runtime is: it runs one authorizer function, with the limits and errors of Lambda."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from attrs import field, frozen, validators

from customauth.gateway.runtimes.functions import Function, OtherFunction


def _is_function_arn(_: object, attribute: object, value: str) -> None:
    parts = value.split(":")
    if len(parts) not in (7, 8) or parts[0] != "arn" or parts[2] != "lambda" or parts[5] != "function":
        raise ValueError(
            f"{value!r} is not the ARN of a Lambda function; write arn:aws:lambda:REGION:ACCOUNT:function:NAME"
        )


@frozen(kw_only=True)
class FunctionSpec:
    """One authorizer function and how it is run.

    `timeout` is the limit of one invocation in seconds, 5 at AWS IoT Core (C24); `init_timeout` that of
    loading the function in a new process, 10 in Lambda. `memory_size` is the limit of one process in MB, in
    Lambda's own range of 128 to 10240. `function_arn` is what the function sees in its context.

    :raises ValueError: `function_arn` is no ARN of a Lambda function, or a limit is out of its range.
    """

    function: Function
    function_arn: str = field(validator=_is_function_arn)
    environment: Mapping[str, str] = field(factory=dict, repr=False)
    timeout: float = field(default=5.0, validator=validators.gt(0))
    init_timeout: float = field(default=10.0, validator=validators.gt(0))
    memory_size: int = field(default=512, validator=[validators.ge(128), validators.le(10_240)])

    @property
    def region(self) -> str:
        """The AWS region in `function_arn`."""
        return self.function_arn.split(":")[3]

    @property
    def name(self) -> str:
        """The function's name in `function_arn`."""
        return self.function_arn.split(":")[6]

    @property
    def scheme(self) -> str | None:
        """The scheme of a function that is a plug-in's to run, `None` of one that a bundled runtime runs."""
        return self.function.scheme if isinstance(self.function, OtherFunction) else None


@frozen(kw_only=True)
class Invocation:
    """What one invocation gave.

    `payload` is the JSON text of what the function returned, `duration` the seconds that it ran, and
    `output` the end of what it printed. Payload and output may hold passwords and tokens.
    """

    payload: str = field(repr=False)
    duration: float
    output: str = field(default="", repr=False)


class FunctionFailed(Exception):
    """The function gave no answer; AWS IoT Core refuses the client then (C22).

    The text of the exception never holds event content and can be logged. `error_message` and
    `error_type` are what Lambda reports (C20); `error_message` is the function's own words and `output`
    the end of what it printed, and both may hold passwords and tokens.
    """

    def __init__(self, text: str, *, error_message: str, error_type: str, output: str = "") -> None:
        super().__init__(text)
        self.error_message = error_message
        self.error_type = error_type
        self.output = output


class FunctionTimedOut(FunctionFailed):
    """The function did not answer, or did not finish loading, within its limit (C24, F11)."""


class FunctionCrashed(FunctionFailed):
    """The function's process ended, or could not be spoken to any more, before the function answered."""


class FunctionThrottled(FunctionFailed):
    """The function was not run: everything that could run it was busy for too long."""


class Runtime(Protocol):
    """Whatever runs one authorizer function. Use it in one event loop, and end it with :meth:`aclose`."""

    async def invoke(self, event: Mapping[str, object]) -> Invocation:
        """Run the function on `event`, which it receives as Lambda would hand it over: through JSON.

        May be called many times at once. A cancelled invocation leaves nothing behind.

        :raises FunctionFailed: there is no answer, for whatever reason.
        """
        ...

    async def aclose(self) -> None:
        """End everything that the runtime has started; invocations under way and later ones fail."""
        ...


RuntimeFactory = Callable[[FunctionSpec], Runtime]
"""Makes the runtime of a function, or raises `ValueError` with the mend named."""
