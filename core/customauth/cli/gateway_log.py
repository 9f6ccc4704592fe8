"""What ``customauth gateway`` writes while it runs: lines for a person, files for programs."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from attrs import define

from customauth._files import write_public
from customauth.gateway.aws_log import log_event
from customauth.gateway.decision import Decision, Grant, Step
from customauth.gateway.printing import printable

if TYPE_CHECKING:
    from customauth.gateway import Gateway, Record

_LOG = "customauth.gateway"


@define
class Tally:
    """How many connections and publishes were accepted and refused; a refresh is neither."""

    accepted: int = 0
    refused: int = 0

    def count(self, record: Record) -> None:
        """Count a record, if it is one to count."""
        if isinstance(record, Decision) and record.step is not Step.REFRESH:
            if isinstance(record.outcome, Grant):
                self.accepted += 1
            else:
                self.refused += 1


class RecordFiles:
    """The files that records are appended to. Use it as a context manager.

    :param log_json: for every record, whole.
    :param log_aws: for AWS's own log events (C34).
    :raises OSError: when a file cannot be opened.
    """

    def __init__(self, log_json: Path | None, log_aws: Path | None) -> None:
        with contextlib.ExitStack() as files:
            # Unbuffered: who follows a file sees whole lines, and nothing is left to write at the end.
            self._whole, self._aws = (
                None if file is None else files.enter_context(file.open("ab", buffering=0))
                for file in (log_json, log_aws)
            )
            self._files = files.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._files.close()

    def write(self, record: Record) -> None:
        """Append a record to each; a failure is logged."""
        try:
            if self._whole is not None:
                self._whole.write(_line(record.as_json()))
            event = None if self._aws is None else log_event(record)
            if self._aws is not None and event is not None:
                self._aws.write(_line(event))
        except OSError as error:
            # A full disk shall not end the gateway.
            logging.getLogger(_LOG).error("a record was not written: %s", error.strerror)


@contextlib.contextmanager
def ready(file: Path, gateway: Gateway) -> Iterator[None]:
    """Tell other programs, in a file that is there as long as the gateway listens, where it does.

    :raises OSError: when it cannot be written.
    """
    content = {
        "endpoint": gateway.endpoint,
        "port": gateway.port,
        "ports": {str(role): port for role, port in gateway.ports.items()},
        "caFile": str(gateway.ca_file.absolute()),
        "pid": os.getpid(),
    }
    write_public(file, _line(content))
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


def decisions_shown(unread: Callable[[], None]) -> None:
    """Show the gateway's records on standard output from now on.

    :param unread: called when nobody reads them any more.
    """
    handler = _DecisionHandler(unread)
    handler.setLevel(logging.INFO)
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
    log = logging.getLogger(_LOG)
    log.addHandler(handler)
    for other in logging.getLogger("customauth").handlers:
        # What --debug shows on standard error besides.
        other.addFilter(lambda record: record.name != log.name or record.levelno < logging.INFO)
    if log.getEffectiveLevel() > logging.INFO:
        log.setLevel(logging.INFO)


def function_output_shown(authorizer: str, output: str) -> None:
    """Show what a function printed among the decisions, where it belongs to the next one."""
    for line in output.removesuffix("\n").split("\n"):
        logging.getLogger(_LOG).info("%s | %s", authorizer, printable(line))


class _DecisionHandler(logging.StreamHandler):  # type: ignore[type-arg]
    """The decisions on standard output; when nobody reads them any more, the gateway ends."""

    def __init__(self, unread: Callable[[], None]) -> None:
        super().__init__(sys.stdout)
        self._unread = unread

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        if isinstance(sys.exception(), BrokenPipeError):
            self._unread()
        else:
            super().handleError(record)


def _line(content: Any) -> bytes:
    # In ASCII: what clients and functions send may hold lone surrogates, and characters that some take for a line end.
    return json.dumps(content, separators=(",", ":")).encode("ascii") + b"\n"
