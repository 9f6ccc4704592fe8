"""A thread with an event loop, which other threads give work to and wait for."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import functools
import threading
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

from customauth.errors import CustomAuthError

P = ParamSpec("P")
T = TypeVar("T")


class LoopThread:
    """A thread that runs one event loop until it is stopped, then ends it tidily.

    :param ended: makes the error of a call that comes, or still waits, when the thread stops.
    """

    def __init__(self, ended: Callable[[], CustomAuthError]) -> None:
        self._ended = ended
        # A factory keeps the runner from setting the calling thread's event loop.
        self._runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)
        self._loop = self._runner.get_loop()
        self._stop = asyncio.Event()
        self._stopping = False
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._serve, name="customauth-sync", daemon=True)
        self._thread.start()

    def run(self, work: Callable[P, Coroutine[Any, Any, T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a coroutine function on the loop and wait; interrupted, cancel it first.

        :raises RuntimeError: in the loop's own thread, which would wait for itself.
        :raises CustomAuthError: the thread has stopped, before or meanwhile.
        """
        if threading.current_thread() is self._thread:
            raise RuntimeError("a blocking call in a function that the connection calls; use another thread for it")
        # Made before the work begins: Ctrl-C may come at any moment, and must always find what to cancel.
        answer: concurrent.futures.Future[T] = concurrent.futures.Future()
        try:
            with self._lock:
                if self._stopping:
                    raise self._ended()
                self._loop.call_soon_threadsafe(self._begin, answer, functools.partial(work, *args, **kwargs))
            return answer.result()
        except concurrent.futures.CancelledError:
            raise self._ended() from None
        except BaseException:
            answer.cancel()
            raise

    def stop(self) -> None:
        """Cancel what still runs, and return when the thread has ended. Calling it again waits for the same end."""
        with self._lock:
            if not self._stopping:
                self._stopping = True
                self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def _serve(self) -> None:
        with self._runner:
            self._runner.run(self._stop.wait())

    def _begin(self, answer: concurrent.futures.Future[T], work: Callable[[], Coroutine[Any, Any, T]]) -> None:
        if answer.cancelled():
            return
        task = self._loop.create_task(work())
        task.add_done_callback(functools.partial(_settle, answer))
        answer.add_done_callback(functools.partial(self._abandon, task))

    def _abandon(self, task: asyncio.Task[T], answer: concurrent.futures.Future[T]) -> None:
        """Cancel the work that nobody waits for any more; called in whichever thread."""
        if answer.cancelled() and not task.done():
            # The loop may have been closed meanwhile, and has then cancelled it itself.
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(task.cancel)


def _settle(answer: concurrent.futures.Future[T], task: asyncio.Task[T]) -> None:
    if task.cancelled():
        answer.cancel()
        return
    error = task.exception()
    # Who was interrupted does not wait any more.
    with contextlib.suppress(concurrent.futures.InvalidStateError):
        if error is None:
            answer.set_result(task.result())
        else:
            answer.set_exception(error)
