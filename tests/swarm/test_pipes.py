"""What goes over the pipes between the processes of a swarm."""

from __future__ import annotations

import io
import json
import os
import pickle
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customauth.swarm.pipes import read_sized, sized


@given(st.text(), st.binary())
def test_an_object_is_read_and_not_a_byte_more(thing: str, rest: bytes) -> None:
    source = io.BytesIO(sized(thing) + rest)
    assert pickle.loads(read_sized(source)) == thing  # noqa: S301 - our own
    assert source.read() == rest


@given(st.text(), st.data())
def test_one_that_is_cut_off_is_an_end(thing: str, data: st.DataObject) -> None:
    whole = sized(thing)
    with pytest.raises(EOFError):
        read_sized(io.BytesIO(whole[: data.draw(st.integers(0, len(whole) - 1))]))


def _saying(what: str) -> list[str]:
    return [sys.executable, "-c", f"from customauth.swarm.pipes import say; say({what})"]


def test_what_is_said_is_a_line_of_json_however_long() -> None:
    said = subprocess.run(_saying("{'a': 'x' * 1_000_000}"), capture_output=True, check=True).stdout
    assert json.loads(said) == {"a": "x" * 1_000_000}
    assert said.endswith(b"\n")


def test_when_nobody_reads_any_more_nothing_is_complained_about() -> None:
    reads, writes = os.pipe()
    os.close(reads)
    done = subprocess.run(_saying("{'a': 1}"), stdout=writes, stderr=subprocess.PIPE, check=False)
    os.close(writes)
    assert (done.returncode, done.stderr) == (0, b"")
