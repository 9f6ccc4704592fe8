"""Processes of their own for a turn, where nothing else has been imported and nobody else uses memory."""

from __future__ import annotations

import asyncio
import pickle
import sys
from typing import Any

from customauth import PluginManager
from customauth.compare.scenario import NotApplicable, Subject


async def child(module: str, subject: Subject, order: Any, *flags: str) -> tuple[str, str]:
    """Run a module of this package as a program, and return what it said on standard output and standard error.

    :param order: what it reads from its standard input, pickled. It may hold credentials: nobody reads along there.
    :param flags: options of the interpreter.
    :raises NotApplicable: another process would not find the backend.
    :raises RuntimeError: it broke down; the text is the last that it said.
    """
    if subject.backend not in PluginManager().names():
        raise NotApplicable(f"another process does not find {subject.backend}, which is no installed plug-in")
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *flags,
        "-m",
        f"customauth.compare.{module}",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        # Ctrl-C reaches all processes of a terminal; these are ended by the one that has started them.
        start_new_session=True,
    )
    try:
        said, errors = await process.communicate(pickle.dumps(order))
    except BaseException:
        if process.returncode is None:
            process.kill()
        await process.wait()
        raise
    told = errors.decode(errors="replace")
    if process.returncode != 0:
        raise RuntimeError("".join(told.strip().splitlines()[-1:]) or f"a process ended with {process.returncode}")
    return said.decode(), told
