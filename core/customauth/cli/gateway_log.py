"""What ``customauth gateway`` writes while it runs: lines for a person, files for programs."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from customauth._files import write_public
from customauth.gateway.aws_log import log_event
from customauth.gateway.printing import printable

if TYPE_CHECKING:
    from customauth.gateway import Gateway, Record

_LOG = "customauth.gateway"


def records_written(
    log_json: Path | None, log_aws: Path | None
) -> contextlib.AbstractContextManager[Callable[[Record], None]]:
    """Open the files that are wanted, and give what writes a record to each for as long as the block runs.

    :param log_json: for every record, whole.
    :param log_aws: for AWS's own log events (C34).
    :raises OSError: when a file cannot be opened.
    """
    whole = None if log_json is None else log_json.open("a", encoding="utf-8", buffering=1)
    aws = None if log_aws is None else log_aws.open("a", encoding="utf-8", buffering=1)
    return _writing(whole, aws)


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
    write_public(file, _line(content).encode())
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


@contextlib.contextmanager
def _writing(whole: TextIO | None, aws: TextIO | None) -> Iterator[Callable[[Record], None]]:
    def write(record: Record) -> None:
        try:
            if whole is not None:
                whole.write(_line(record.as_json()))
            event = None if aws is None else log_event(record)
            if aws is not None and event is not None:
                aws.write(_line(event))
        except OSError as error:
            # A full disk shall not end the gateway.
            logging.getLogger(_LOG).error("a record was not written: %s", error.strerror)

    try:
        yield write
    finally:
        for stream in (whole, aws):
            if stream is not None:
                stream.close()


def _line(content: Any) -> str:
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")) + "\n"
