"""A program in which one subject has its turns; :mod:`customauth.compare.own_process` starts it and has the formats.

Its standard input brings pickles: where modules are found, what the bench is made of, and for each turn what it does
and with whom; each turn is answered on the standard output. It ends with its standard input.
"""

from __future__ import annotations

import asyncio
import os
import pickle
import sys
import time
from collections.abc import Iterator
from typing import BinaryIO

from customauth import BackendError, PluginManager
from customauth.compare.bench import Bench
from customauth.compare.own_process import SIZE, Answer, Start
from customauth.compare.scenario import NotApplicable


def serve(orders: BinaryIO, answers: BinaryIO) -> None:
    """Answer orders until there are no more."""
    pickles = _pickles(orders)
    sys.path[:] = pickle.loads(next(pickles))  # noqa: S301 - all are written by the process that has started this one
    start: Start = pickle.loads(next(pickles))  # noqa: S301
    bench = Bench(
        place=start.place,
        credentials=start.credentials,
        plugins=PluginManager(),
        gateway=start.gateway,
        topic=start.topic,
        timeout=start.timeout,
        quick=start.quick,
    )
    for order in pickles:
        answer = pickle.dumps(asyncio.run(_answer(bench, order)))
        answers.write(len(answer).to_bytes(SIZE) + answer)
        answers.flush()


async def _answer(bench: Bench, order: bytes) -> Answer:
    try:
        take, subject = pickle.loads(order)  # noqa: S301 - as above
        began = time.process_time()
        turn = await take(bench, subject)
        return Answer(turn=turn, processor_time=time.process_time() - began)
    except (NotApplicable, BackendError) as error:
        return Answer(not_applicable=str(error))
    except Exception as error:  # a library, or a stranger's scenario, may raise anything
        return Answer(failed=f"{type(error).__name__}: {error}")


def _pickles(orders: BinaryIO) -> Iterator[bytes]:
    while size := orders.read(SIZE):
        yield orders.read(int.from_bytes(size))


def _main() -> None:
    # What a library prints must not come between the answers.
    with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as answers:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        serve(sys.stdin.buffer, answers)


if __name__ == "__main__":
    _main()
