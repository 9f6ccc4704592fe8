"""Set-ups in which something looks wrong that is not the cause: the doctor names the true one, or cannot tell."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from customauth.cli.exits import ExitCode
from setups.credentials import NAMED, SIGNATURE, encoded, raw, signed
from setups.staging import KEY_NAME, PUMPS_AUTHORIZER, TOKEN, Case, Cloud, sign, staged, token_whose_signature_has

BASE64_PASSWORD = base64.b64encode(b"looking glass").decode()
"""A wrong password that is base64 of a text."""

NO_RIGHTS = Cloud(
    denied=(
        "iot:DescribeAuthorizer",
        "iot:DescribeEndpoint",
        "iot:TestInvokeAuthorizer",
        "lambda:GetFunctionConcurrency",
        "lambda:GetFunctionConfiguration",
        "lambda:GetPolicy",
        "logs:FilterLogEvents",
        "sts:GetCallerIdentity",
    )
)


def unencoded(authorizer: str = "pumps", token: str = "") -> str:
    """Return a user name with a raw + in its signature, which AWS reads as it is (A14)."""
    token = token or token_whose_signature_has("+/")
    return f"?{NAMED}={authorizer}&{KEY_NAME}={token}&{SIGNATURE}={sign(token)}"


def case(name: str, words: object, cause: str | None = None, **more: object) -> Case:
    return Case(name=name, story="", cause=cause, words=words, **more)  # type: ignore[arg-type]  # a Case's fields


BLIND = [
    case("a raw + that does no harm, and a letter less", raw(lambda: unencoded("pump"))),
    case("the same, with the public key", raw(lambda: unencoded("pump"), key=True)),
    case("the same with MQTT 3.1.1", raw(lambda: unencoded("pump"), "-V", "3.1.1")),
    case("the same with a session that is kept", raw(lambda: unencoded("pump"), "-V", "3.1.1", "-c")),
    case("a wrong password that looks like base64", signed(lambda place: place.password(password=BASE64_PASSWORD))),
    case(
        "a wrong password and the default authorizer",
        signed(lambda place: place.password(password="x")[2:]),
        gateway='default_authorizer = "meters"',
    ),
    case(
        "a user part with a ?, and a letter less",
        raw(lambda: f"what?ever?{NAMED}=pump&{KEY_NAME}={TOKEN}&{SIGNATURE}={encoded(sign(TOKEN))}"),
    ),
    case("no permissions at all", signed(lambda place: place.password(password=BASE64_PASSWORD)), cloud=NO_RIGHTS),
]

TOLD = [
    case(
        "a raw + that does no harm, and an authorizer that is INACTIVE",
        raw(lambda: unencoded(), key=True),
        "authorizer-inactive",
        rest=PUMPS_AUTHORIZER.replace('status = "ACTIVE"\n', ""),
        cloud=Cloud(),
    ),
    case(
        "a password that was encoded once too often",
        signed(lambda place: place.password(password=base64.b64encode(b"wonderland").decode())),
        "password-encoding",
    ),
    case(
        "the same over MQTT 3.1.1",
        signed(lambda place: place.password(password=base64.b64encode(b"wonderland").decode()), "-V", "3.1.1"),
        "password-encoding",
    ),
]


def named(each: Case) -> str:
    return each.name.replace(" ", "-")


@pytest.mark.parametrize("trap", BLIND, ids=named)
def test_what_only_looks_wrong_is_not_named(trap: Case, tmp_path: Path) -> None:
    with staged(trap, tmp_path) as stage:
        result = stage.examine()

    found = result.json()["verdict"]
    assert result.code == ExitCode.CANNOT_TELL, json.dumps(found, indent=2)
    assert {cause["certainty"] for cause in found["causes"]} <= {"possible"}
    assert found["next"]


@pytest.mark.parametrize("trap", TOLD, ids=named)
def test_the_true_cause_is_told_from_what_only_looks_wrong(trap: Case, tmp_path: Path) -> None:
    with staged(trap, tmp_path) as stage:
        result = stage.examine()

    causes = result.json()["verdict"]["causes"]
    assert result.code == ExitCode.CAUSE_FOUND, result.stdout
    assert (causes[0]["rule"], causes[0]["certainty"]) == (trap.cause, "certain")


def test_without_a_probe_no_mended_login_is_tried(tmp_path: Path) -> None:
    trap = TOLD[1]
    with staged(trap, tmp_path) as stage:
        checks = stage.examine("--no-probe").json()["checks"]

    assert [each["name"] for each in checks if each["stage"] == "probe"] == ["connection"]
