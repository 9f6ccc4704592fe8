"""A gateway whose authorizer function lets everybody in and writes down the event. Import as ``recorder``."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from attrs import frozen

from commands import RunningGateway, gateway, run

_FUNCTION = """\
import json
import pathlib


def handler(event, context):
    pathlib.Path(__file__).with_name("event.json").write_text(json.dumps(event))
    print("a function's own words:", event)
    statement = {"Effect": "Allow", "Action": "iot:Connect", "Resource": "*"}
    return {
        "isAuthenticated": True,
        "principalId": "recorded",
        "disconnectAfterInSeconds": 86400,
        "refreshAfterInSeconds": 300,
        "policyDocuments": [{"Version": "2012-10-17", "Statement": [statement]}],
    }
"""

_CONFIG = """\
[authorizers.signed]
status = "ACTIVE"
function = "recorder.py:handler"
token_key_name = "token"
token_signing_public_keys = { key1 = "public.pem" }

[authorizers.unsigned]
status = "ACTIVE"
function = "recorder.py:handler"
signing_disabled = true
"""


@frozen(kw_only=True)
class Recorder:
    """The gateway, and the key pair of its signed authorizer."""

    running: RunningGateway
    private_key: Path
    public_key: Path

    def event(self) -> dict[str, Any]:
        """Return the event of the last attempt, and forget it."""
        file = self.running.folder / "event.json"
        event: dict[str, Any] = json.loads(file.read_text())
        file.unlink()
        return event


@contextlib.contextmanager
def recording_gateway(folder: Path, *keygen: str) -> Iterator[Recorder]:
    """Run the gateway in a folder; its authorizers are ``signed``, with token key name ``token``, and ``unsigned``.

    :param keygen: more words for the making of its key pair.
    """
    (folder / "recorder.py").write_text(_FUNCTION)
    (folder / "gateway.toml").write_text(_CONFIG)
    assert run("keygen", *keygen, cwd=folder).code == 0
    with gateway(folder, "--config", "gateway.toml", "--debug") as running:
        yield Recorder(running=running, private_key=folder / "private.pem", public_key=folder / "public.pem")
