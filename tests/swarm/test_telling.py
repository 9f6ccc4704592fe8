"""The short names of errors."""

from __future__ import annotations

import errno

import pytest

from customauth.errors import BackendFault, ConnackRefused, ConnectionRefused, ConnectTimeout, Disconnected, Stage
from customauth.swarm.telling import error_class


def _raised(error: Exception, cause: Exception) -> Exception:
    try:
        raise error from cause
    except type(error) as raised:
        return raised


@pytest.mark.parametrize(
    ("error", "name"),
    [
        (ConnackRefused(0x97, "geheim"), "ConnackRefused 0x97"),
        (ConnectionRefused("geheim"), "ConnectionRefused at TCP connect"),
        (ConnectTimeout(3.0, stage=Stage.TLS), f"ConnectTimeout at {Stage.TLS.value}"),
        (Disconnected(0x8E, reason_string="geheim"), "Disconnected 0x8E"),
        (ValueError("geheim"), "ValueError"),
        (_raised(ConnectionRefused("geheim"), OSError(errno.EMFILE, "geheim")), "ConnectionRefused EMFILE"),
        (BackendFault("geheim", rule="open-files"), "BackendFault EMFILE"),
        (_raised(ConnectionRefused("geheim"), OSError(errno.ENFILE, "geheim")), "ConnectionRefused EMFILE"),
    ],
)
def test_a_name_is_class_and_code_and_no_text(error: Exception, name: str) -> None:
    assert error_class(error) == name
