"""A pool of worker processes: how many there are, who gets which, and that none is left behind."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from customauth.gateway.runtimes.process import Worker

_GROWTH_DELAY = 0.1


class PoolClosed(Exception):
    """The pool has been closed."""


class WorkerPool:
    """Lend workers, one to a request, and start others when requests wait.

    Up to `keep` workers are started at once, and that many are kept when idle. While requests have waited
    for 0.1 s and no more workers are still loading than are loaded, their number doubles up to `max_workers`:
    a slow function is soon scaled as Lambda scales it, and a burst of fast requests starts few processes.

    :param start: starts a worker; what it raises is raised to whoever has waited for the worker.
    """

    def __init__(self, start: Callable[[], Worker], *, max_workers: int, keep: int) -> None:
        self._start_worker = start
        self._max_workers = max_workers
        self._keep = keep
        self._workers: set[Worker] = set()
        self._idle: list[Worker] = []
        self._waiters: deque[tuple[float, asyncio.Future[Worker]]] = deque()
        self._growth: asyncio.TimerHandle | None = None
        self._reapers: set[asyncio.Task[None]] = set()
        self.closed: bool = False

    async def lend(self, patience: float) -> Worker:
        """Return a worker, which may be new and not loaded yet; it must be given back.

        :raises TimeoutError: there was none within `patience` seconds.
        :raises PoolClosed: the pool is closed, or was while the request waited.
        """
        async with asyncio.timeout(patience):
            while True:
                if self.closed:
                    raise PoolClosed
                worker = self._take()
                if worker is None:
                    worker = await self._wait()
                if not worker.loaded or (worker.poll() is None and not worker.is_stale()):
                    return worker
                self._retire(worker)

    async def give_back(self, worker: Worker) -> None:
        """Take a worker back; one that cannot be used again is ended before this returns."""
        if self.closed or not worker.loaded or not worker.in_step:
            await asyncio.shield(self._retire(worker))
        else:
            self._pass_on(worker)

    async def aclose(self) -> None:
        """Kill and reap all workers, the lent ones too."""
        self.closed = True
        if self._growth is not None:
            self._growth.cancel()
        while self._waiters:
            _, waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_exception(PoolClosed())
        while self._idle:
            self._retire(self._idle.pop())
        remaining = tuple(self._workers)
        for worker in remaining:
            worker.kill()
        await asyncio.gather(*(worker.gone.wait() for worker in remaining))

    def _take(self) -> Worker | None:
        if self._idle:
            return self._idle.pop()
        return self._start() if len(self._workers) < self._keep else None

    def _start(self) -> Worker:
        worker = self._start_worker()
        self._workers.add(worker)
        return worker

    async def _wait(self) -> Worker:
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[Worker] = loop.create_future()
        self._waiters.append((loop.time(), waiter))
        self._grow_later()
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                # It came in the moment of the cancellation.
                self._pass_on(waiter.result())
            raise

    def _pass_on(self, worker: Worker) -> None:
        waiter = self._next_waiter()
        if waiter is not None:
            waiter.set_result(worker)
        elif worker.loaded and len(self._idle) < self._keep and not self.closed:
            self._idle.append(worker)
        else:
            self._retire(worker)

    def _next_waiter(self, before: float = float("inf")) -> asyncio.Future[Worker] | None:
        while self._waiters and self._waiters[0][0] <= before:
            _, waiter = self._waiters.popleft()
            if not waiter.done():
                return waiter
        return None

    def _grow_later(self) -> None:
        if self._growth is None:
            self._growth = asyncio.get_running_loop().call_later(_GROWTH_DELAY, self._grow)

    def _grow(self) -> None:
        self._growth = None
        loaded = sum(worker.loaded for worker in self._workers)
        loading = len(self._workers) - loaded
        long_ago = asyncio.get_running_loop().time() - _GROWTH_DELAY
        for _ in range(min(loaded - loading, self._max_workers - len(self._workers))):
            self._start_for(self._next_waiter(before=long_ago))
        if self._waiters:
            self._grow_later()

    def _start_for(self, waiter: asyncio.Future[Worker] | None) -> None:
        if waiter is None:
            return
        try:
            waiter.set_result(self._start())
        except Exception as error:  # whatever it is, it is the answer to the one who waits
            waiter.set_exception(error)

    def _retire(self, worker: Worker) -> asyncio.Task[None]:
        worker.kill()
        reaper = asyncio.create_task(self._reap(worker))
        self._reapers.add(reaper)
        reaper.add_done_callback(self._reapers.discard)
        return reaper

    async def _reap(self, worker: Worker) -> None:
        await worker.wait()
        worker.close()
        self._workers.discard(worker)
        while self._waiters and len(self._workers) < self._keep and not self.closed:
            self._start_for(self._next_waiter())
