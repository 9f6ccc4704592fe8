"""The gateway's entrances, on their seeds and on some thousands of changes to them; ``nox -s fuzz`` runs millions."""

from __future__ import annotations

import pytest

from fuzz_targets import TARGETS
from fuzz_targets.mutations import mutations
from fuzz_targets.target import Target, chunked

SHORT_RUN = 1200

each_target = pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)


def check(target: Target, data: bytes) -> None:
    try:
        target.run(data)
    except Exception as error:
        pytest.fail(f"{target.name} fails on {data!r}: {type(error).__name__}: {error}")


@each_target
def test_every_seed_is_taken(target: Target) -> None:
    for data in target.seeds():
        check(target, data)


@each_target
def test_inputs_that_are_almost_none_are_taken(target: Target) -> None:
    for data in (b"", *(bytes((byte,)) for byte in range(256)), b"\0\0", b"\xff\xff"):
        check(target, data)


@each_target
def test_changed_seeds_are_taken(target: Target) -> None:
    for data in mutations(target, SHORT_RUN, seed=20):
        check(target, data)


def test_the_same_seed_gives_the_same_inputs() -> None:
    target = TARGETS["connect"]
    assert list(mutations(target, 50, seed=1)) == list(mutations(target, 50, seed=1))


def test_a_long_run_is_divided_wholly() -> None:
    assert sum(target.share for target in TARGETS.values()) == 100


@pytest.mark.parametrize("how", range(256))
def test_chunks_are_the_whole_input_and_never_empty(how: int) -> None:
    rest = bytes(range(100))
    chunks = list(chunked(bytes((how,)) + rest))
    assert b"".join(chunks) == rest
    assert all(chunks)
