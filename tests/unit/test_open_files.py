"""A process that may open no more files: every backend's failure says so, whatever its library says."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import asyncio, os, resource, sys
import customauth

async def tell():
    try:
        await customauth.connect("localhost:1", customauth.CustomAuth(), backend=sys.argv[1], timeout=20)
    except customauth.ConnectError as error:
        print(type(error).__name__, error.rule, "ulimit -n" in error.hint)

async def main():
    await tell()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (100, hard))
    plugs = []
    try:
        while True:
            plugs.append(os.dup(0))
    except OSError:
        pass
    await tell()
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit of open files to lower")
def test_no_backend_blames_the_network_when_no_more_files_may_be_opened(backend_name: str) -> None:
    made = subprocess.run([sys.executable, "-c", PROGRAM, backend_name], capture_output=True, text=True, timeout=90)
    before, after = made.stdout.splitlines()
    assert before.split()[1:] == ["port-closed", "False"]
    assert after.split()[1:] == ["open-files", "True"], made.stderr
