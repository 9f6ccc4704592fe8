"""Which bundled runtime runs which form of function."""

from __future__ import annotations

from customauth.gateway.runtimes.aws import LambdaRuntime
from customauth.gateway.runtimes.contract import FunctionSpec, Runtime
from customauth.gateway.runtimes.functions import InvokeUrl, LambdaFunction, NodeFunction, PythonFunction
from customauth.gateway.runtimes.invoke_api import InvokeApiRuntime
from customauth.gateway.runtimes.worker_runtime import WorkerRuntime


def bundled_runtime(spec: FunctionSpec) -> Runtime:
    """Make the runtime that comes with customauth for a function; it starts nothing before it is used.

    :raises ValueError: the function has a form that only a plug-in could run.
    """
    match spec.function:
        case PythonFunction() | NodeFunction():
            return WorkerRuntime(spec)
        case InvokeUrl():
            return InvokeApiRuntime(spec)
        case LambdaFunction():
            return LambdaRuntime(spec)
    raise ValueError(
        f"no plug-in takes the function {spec.function}; install the one that runs {spec.scheme}: functions, "
        "or name a file as FILE.py:HANDLER"
    )
