"""The command and environment of the worker processes of one function."""

from __future__ import annotations

import os
import secrets
import shutil
import sys
import time
from pathlib import Path

from customauth.gateway.runtimes import python_worker
from customauth.gateway.runtimes.contract import FunctionSpec
from customauth.gateway.runtimes.functions import NodeFunction, PythonFunction
from customauth.gateway.runtimes.process import Program

_MB = 1_048_576
_INHERITED = ("PATH", "HOME", "LANG")
_NODE_WORKER = Path(__file__).with_name("node_worker.mjs")
# V8 needs so much beside what a function allocates: stacks of its threads, code, tables.
_NODE_OVERHEAD = 256


def worker_program(spec: FunctionSpec, function: PythonFunction | NodeFunction) -> Program:
    """Return how one worker of `function`, whose file is absolute, is started.

    :raises FileNotFoundError: there is no Node.js on the path.
    """
    if isinstance(function, PythonFunction):
        # -B: a stale .pyc must not hide a change; -P: our directory must not shadow the library's modules;
        # -u: what was printed before a crash is seen.
        command = [sys.executable, "-BPu", python_worker.__file__]
        data_limit = spec.memory_size * _MB
    else:
        node = shutil.which("node")
        if node is None:
            raise FileNotFoundError
        command = [node, f"--max-old-space-size={spec.memory_size}", str(_NODE_WORKER)]
        data_limit = (spec.memory_size + _NODE_OVERHEAD) * _MB
    return Program(
        command=[*command, str(function.file), function.handler],
        folder=function.file.parent,
        environment=_environment(spec, function),
        data_limit=data_limit,
    )


def _environment(spec: FunctionSpec, function: PythonFunction | NodeFunction) -> dict[str, str]:
    # The gateway's own environment may hold credentials that are not the function's to see.
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    # The workers add AWS_EXECUTION_ENV, which holds the version of the language.
    reserved = {
        "AWS_DEFAULT_REGION": spec.region,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(spec.memory_size),
        "AWS_LAMBDA_FUNCTION_NAME": spec.name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{spec.name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": f"{time.strftime('%Y/%m/%d')}/[$LATEST]{secrets.token_hex(16)}",
        "AWS_REGION": spec.region,
        "LAMBDA_TASK_ROOT": str(function.file.parent),
        "_HANDLER": f"{function.file.stem}.{function.handler}",
    }
    return {**inherited, **spec.environment, **reserved}
