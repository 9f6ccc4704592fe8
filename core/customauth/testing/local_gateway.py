"""A gateway in a thread of its own, for tests that are not asyncio."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from customauth.gateway import GatewayConfig, RunningGateway

# How long it may take to start, or to stop, in seconds.
_LIMIT = 60.0


class LocalGateway:
    """Run :func:`customauth.gateway.running` in a thread, with the same arguments. Use it as a context manager, once::

    with LocalGateway() as local:
        customauth.sync.connect(local.endpoint, local.signed).close()
    """

    def __init__(self, config: GatewayConfig | Path | str | None = None, **options: Any) -> None:
        self._config = config
        self._options = options
        self._thread = threading.Thread(target=self._serve, name="customauth-gateway", daemon=True)
        self._ready = threading.Event()
        self._running: RunningGateway | None = None
        self._error: BaseException | None = None

    def __enter__(self) -> RunningGateway:
        """Start it.

        :raises BaseException: whatever :func:`customauth.gateway.running` raised.
        :raises TimeoutError: when it has not started after a minute.
        """
        self._thread.start()
        if not self._ready.wait(_LIMIT):
            raise TimeoutError("the gateway did not start within a minute")
        if self._error is not None:
            self._thread.join()
            raise self._error
        assert self._running is not None  # noqa: S101 - ready without an error
        return self._running

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Tell its clients, and stop it.

        :raises BaseException: whatever ended it before, or while it stopped.
        :raises TimeoutError: when it has not stopped after a minute.
        """
        with contextlib.suppress(RuntimeError):
            # Its loop is closed already when it has failed.
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(_LIMIT)
        if error is not None:
            return
        if self._thread.is_alive():
            raise TimeoutError("the gateway did not stop within a minute")
        if self._error is not None:
            raise self._error

    def _serve(self) -> None:
        try:
            asyncio.run(self._main())
        except BaseException as error:
            self._error = error
            self._ready.set()

    async def _main(self) -> None:
        # Not above: a suite that loads the fixtures and runs none of their tests does not wait for it.
        from customauth.gateway import running

        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        async with running(self._config, **self._options) as local:
            self._running = local
            self._ready.set()
            await self._stop.wait()
