"""The entrances of the gateway that take a stranger's bytes, as functions that a fuzzer can call."""

from __future__ import annotations

from fuzz_targets import answer, client_hello, connect, http, mqtt, publish, username, websocket
from fuzz_targets.target import Target

TARGETS: dict[str, Target] = {
    module.TARGET.name: module.TARGET
    for module in (connect, username, http, client_hello, websocket, mqtt, answer, publish)
}
