"""Notice that the configuration's files have changed, and load them anew while the gateway runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from pathlib import Path

from customauth.gateway.config import ConfigError, GatewayConfig
from customauth.gateway.config_parse import load_config

_Stamps = dict[Path, tuple[int, int, int] | None]


class ConfigWatcher:
    """Look again and again at a configuration file and the files that it named, and report what has become of them.

    A state counts when two looks in a row find it, so that a file which is being written, or is away for a moment
    while another takes its place, is not taken for a change. The functions' files are their runtimes' to watch.

    :param config: what was loaded from the file.
    :param changed: called with the configuration when it has become another.
    :param refused: called once for each state that cannot be loaded; the configuration stays as it was.
    :param interval: between two looks, in seconds.
    """

    def __init__(
        self,
        file: Path,
        config: GatewayConfig,
        *,
        changed: Callable[[GatewayConfig], None],
        refused: Callable[[ConfigError], None],
        interval: float = 0.5,
    ) -> None:
        self._file = file
        self._config = config
        self._changed = changed
        self._refused = refused
        self._interval = interval
        self._watched = {file, *config.files}
        # Nothing tells whether the files are still what was loaded: the first look that finds them at rest loads.
        self._seen: _Stamps | None = None
        self._loaded: _Stamps | None = None
        self._problem: tuple[_Stamps, str] | None = None
        self._reported: tuple[_Stamps, str] | None = None

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await asyncio.sleep(self._interval)
            self.look()

    def look(self) -> None:
        """Look once, and call back if there is something to report."""
        stamps = _stamps(self._watched)
        at_rest = stamps == self._seen
        self._seen = stamps
        if not at_rest or stamps == self._loaded:
            return
        try:
            config = load_config(self._file)
        except ConfigError as error:
            self._note(stamps, error)
        else:
            self._take(stamps, config)

    def _note(self, stamps: _Stamps, error: ConfigError) -> None:
        """Report a problem when it is found for the second time: a file not watched yet may just be being written.

        The state is loaded again at each look, as the mend may be in such a file too.
        """
        self._loaded = None
        problem = (stamps, str(error))
        if problem == self._problem != self._reported:
            self._reported = problem
            self._refused(error)
        self._problem = problem

    def _take(self, stamps: _Stamps, config: GatewayConfig) -> None:
        self._problem = self._reported = None
        watched = {self._file, *config.files}
        if watched == self._watched:
            self._loaded = stamps
        else:
            # What is newly watched may have changed since it was read: it is loaded once more when it is at rest.
            self._watched = watched
        if config != self._config:
            self._config = config
            self._changed(config)


def _stamps(files: Iterable[Path]) -> _Stamps:
    return {file: _stamp(file) for file in files}


def _stamp(file: Path) -> tuple[int, int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
