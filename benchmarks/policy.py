"""How long a policy decision takes: parsed just now, known set, and remembered.

    python benchmarks/policy.py [--json]

Medians of many runs, in nanoseconds, of a policy as an authorizer returns it: six statements in two documents, with
variables and a condition. ``parse`` is JSON text to policy. ``cold`` is the first decision of a set about a resource,
``warm`` one that the set remembers, ``request`` what making the request itself costs.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable

from customauth.policy import PolicySet, Request, connection_context, parse_policy

_ARN = "arn:aws:iot:us-east-1:123456789012"


def _statement(effect: str, action: str | list[str], *resources: str, **members: object) -> dict[str, object]:
    return {"Effect": effect, "Action": action, "Resource": [f"{_ARN}:{resource}" for resource in resources], **members}


_DOCUMENTS = [
    {
        "Version": "2012-10-17",
        "Statement": [
            _statement("Allow", "iot:Connect", "client/${iot:ClientId}"),
            _statement(
                "Deny",
                "iot:Connect",
                "client/*",
                Condition={"ForAnyValue:StringEquals": {"iot:ConnectAttributes": ["PersistentConnect"]}},
            ),
            _statement("Allow", ["iot:Publish", "iot:Receive"], "topic/devices/${iot:ClientId}/*", "topic/all/*"),
        ],
    },
    {
        "Version": "2012-10-17",
        "Statement": [
            _statement("Allow", "iot:Subscribe", "topicfilter/devices/${iot:ClientId}/*", "topicfilter/all/#"),
            _statement("Deny", ["iot:Publish", "iot:Receive"], "topic/*/secret"),
            _statement(
                "Allow", "iot:Publish", "topic/office/*", Condition={"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}
            ),
        ],
    },
]
_TEXTS = [json.dumps(document) for document in _DOCUMENTS]
_CONTEXT = connection_context(source_ip="203.0.113.9", domain_name="iot.example.com")


def _request(topic: str) -> Request:
    return Request(action="iot:Publish", resource=f"{_ARN}:topic/{topic}", client_id="pump-7", context=_CONTEXT)


def _median(run: Callable[[int], object], rounds: int) -> int:
    times = []
    for number in range(rounds):
        begun = time.perf_counter_ns()
        run(number)
        times.append(time.perf_counter_ns() - begun)
    return round(statistics.median(times))


def measure(rounds: int) -> dict[str, int]:
    """Return the medians by name, in nanoseconds."""
    policies = [parse_policy(text) for text in _TEXTS]
    fresh, known = PolicySet(policies), PolicySet(policies)
    asked = [_request(f"devices/pump-7/sensor/{number}/data") for number in range(rounds)]
    refused = [_request(f"devices/pump-8/sensor/{number}/data") for number in range(rounds)]
    known.decide(asked[0])
    return {
        "clock": _median(lambda _: None, rounds),
        "parse": _median(lambda _: [parse_policy(text) for text in _TEXTS], min(rounds, 1000)),
        "request": _median(lambda number: _request(f"devices/pump-7/{number}"), rounds),
        "cold, allowed": _median(lambda number: fresh.decide(asked[number]), rounds),
        "cold, denied": _median(lambda number: fresh.decide(refused[number]), rounds),
        "warm": _median(lambda _: known.decide(asked[0]), rounds),
        "warm, request made anew": _median(lambda _: known.decide(_request("devices/pump-7/sensor/0/data")), rounds),
    }


def main() -> None:
    """Measure, and print the medians."""
    parser = argparse.ArgumentParser(description="Time policy decisions.")
    parser.add_argument("--rounds", type=int, default=5000, help="runs of each line (5000)")
    parser.add_argument("--json", action="store_true", help="print JSON in place of lines")
    options = parser.parse_args()
    medians = measure(options.rounds)
    if options.json:
        sys.stdout.write(f"{json.dumps(medians, indent=2)}\n")
        return
    for name, nanoseconds in medians.items():
        sys.stdout.write(f"{name:24} {nanoseconds:>9,} ns\n")


if __name__ == "__main__":
    main()
