"""The authorizer functions in examples/ answer the events of the gateway as the gateway and AWS want it.

No marks of facts: these tests hold what the documentation says, not what the gateway does.
"""

from __future__ import annotations

import base64
import importlib.util
import json
import os
import re
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace

import pytest

from customauth import CustomAuth
from customauth.authorizer import Answer, MqttContext, TlsContext, build_event, validate_answer
from customauth.policy import Request, decide
from customauth.signing import generate_key_pair, sign

ROOT = Path(__file__).parents[2]
FUNCTION = ROOT / "examples" / "aws" / "authorizer.py"
AUTHORIZERS = ROOT / "examples" / "authorizers"

REGION, ACCOUNT = "eu-central-1", "123456789012"
IOT = f"arn:aws:iot:{REGION}:{ACCOUNT}"
FUNCTION_ARN = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:pumps-authorizer"

_HANGS = 120.0


def _event(
    *, username: str | None = None, password: bytes | None = None, client_id: str = "pump-7", token: str | None = None
) -> dict[str, object]:
    return build_event(
        connection_id="1c1b3b3e-6f6a-4a3e-9b0e-3a52f7f6a8c1",
        mqtt=MqttContext(username=username, password=password, client_id=client_id),
        tls=TlsContext(server_name="localhost"),
        token=token,
        signature_verified=token is not None,
    )


def _python(file: Path, event: Mapping[str, object]) -> Answer:
    spec = importlib.util.spec_from_file_location(f"example_{file.stem}", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    returned = module.handler(json.loads(json.dumps(event)), SimpleNamespace(invoked_function_arn=FUNCTION_ARN))
    return validate_answer(json.dumps(returned))


_NODE = """\
const [file, event, context] = process.argv.slice(1);
import(file).then(({ handler }) => new Promise((resolve, reject) => {
  const callback = (error, answer) => (error ? reject(error) : resolve(answer));
  const returned = handler(JSON.parse(event), JSON.parse(context), callback);
  if (returned instanceof Promise) returned.then(resolve, reject);
})).then((answer) => console.log(JSON.stringify(answer)));
"""


def _node(name: str, event: Mapping[str, object], **environment: str) -> Answer:
    context = json.dumps({"invokedFunctionArn": FUNCTION_ARN})
    run = subprocess.run(
        ["node", "-e", _NODE, (AUTHORIZERS / name).as_uri(), json.dumps(event), context],
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        timeout=_HANGS,
    )
    assert run.returncode == 0, run.stderr
    return validate_answer(run.stdout)


def _may(answer: Answer, action: str, resource: str, client_id: str = "pump-7") -> bool:
    request = Request(action=action, resource=f"{IOT}:{resource}", client_id=client_id)
    return decide(answer.policies, request).allowed


def test_the_deployed_function_grants_a_verified_client_its_own_topics() -> None:
    answer = _python(FUNCTION, _event(token="open-sesame"))
    assert answer.authenticated
    assert _may(answer, "iot:Connect", "client/pump-7")
    assert _may(answer, "iot:Publish", "topic/devices/pump-7/state")
    assert _may(answer, "iot:Receive", "topic/devices/pump-7/state")
    assert _may(answer, "iot:Subscribe", "topicfilter/devices/pump-7/#")
    assert not _may(answer, "iot:Connect", "client/pump-8")
    assert not _may(answer, "iot:Publish", "topic/devices/pump-8/state")
    assert not _may(answer, "iot:Subscribe", "topicfilter/devices/#")


@pytest.mark.parametrize(
    ("expected", "sent", "let_in"),
    [
        ("wonderland", b"wonderland", True),
        ("wonderland", b"Wonderland", False),
        ("wonderland", b"\xff", False),
        ("wonderland", None, False),
        ("", b"", False),
        ("", None, False),
    ],
)
def test_the_deployed_function_lets_a_password_in_only_where_one_is_set(
    expected: str, sent: bytes | None, let_in: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEVICE_PASSWORD", expected)
    assert _python(FUNCTION, _event(password=sent)).authenticated is let_in


def test_the_deployed_function_answers_a_token_without_any_context() -> None:
    event = build_event(
        connection_id="1c1b3b3e-6f6a-4a3e-9b0e-3a52f7f6a8c1", mqtt=None, tls=None, token="t", signature_verified=True
    )
    assert _python(FUNCTION, event).authenticated


def _jwt_token(claims: Mapping[str, object], algorithm: str = "RS256") -> str:
    private_pem = generate_key_pair().private_pem

    def base64url(data: bytes) -> str:
        return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

    head = ".".join(base64url(json.dumps(part).encode()) for part in ({"alg": algorithm}, claims))
    return head if algorithm != "RS256" else _token_of(f"{head}.{base64url(base64.b64decode(sign(head, private_pem)))}")


def _token_of(jwt: str) -> str:
    token = CustomAuth.from_jwt(jwt, authorizer="jwt", token_key_name="jwt").token
    assert token is not None
    return token.value


def _claims(**changed: object) -> dict[str, object]:
    claims = {"iss": "https://id.example.com", "aud": "pumps", "sub": "pump-7", "exp": time.time() + 3600}
    return {name: value for name, value in (claims | changed).items() if value is not None}


@pytest.fixture
def issuer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ISSUER", "https://id.example.com")
    monkeypatch.setenv("AUDIENCE", "pumps")


@pytest.mark.usefixtures("issuer")
@pytest.mark.parametrize("changed", [{}, {"aud": ["other", "pumps"]}, {"nbf": 0}, {"exp": 2**40}])
def test_the_jwt_function_ties_a_client_to_its_subject(changed: Mapping[str, object]) -> None:
    answer = _python(AUTHORIZERS / "jwt_claims.py", _event(token=_jwt_token(_claims(**changed))))
    assert answer.authenticated
    assert _may(answer, "iot:Connect", "client/pump-7")
    assert _may(answer, "iot:Publish", "topic/devices/pump-7/state")
    assert not _may(answer, "iot:Connect", "client/pump-8", client_id="pump-8")


@pytest.mark.usefixtures("issuer")
@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "https://evil.example.com"},
        {"iss": None},
        {"aud": "fans"},
        {"aud": None},
        {"exp": 1},
        {"exp": None},
        {"exp": "tomorrow"},
        {"exp": True},
        {"nbf": 2**40},
        {"nbf": "now"},
        {"sub": None},
        {"sub": "*"},
        {"sub": "pump-?"},
        {"sub": "pumps/pump-7"},
        {"sub": "${iot:ClientId}"},
        {"sub": 7},
    ],
    ids=str,
)
def test_the_jwt_function_refuses_claims_that_are_not_good_enough(changed: Mapping[str, object]) -> None:
    answer = _python(AUTHORIZERS / "jwt_claims.py", _event(token=_jwt_token(_claims(**changed))))
    assert not answer.authenticated


@pytest.mark.usefixtures("issuer")
@pytest.mark.parametrize("token", ["open-sesame", "a.b", "e30.e30", "W10.W10", "", ".", "é.é"])
def test_the_jwt_function_refuses_what_is_no_jwt(token: str) -> None:
    assert not _python(AUTHORIZERS / "jwt_claims.py", _event(token=token)).authenticated


@pytest.mark.usefixtures("issuer")
def test_the_jwt_function_refuses_another_algorithm_and_an_unverified_token() -> None:
    function = AUTHORIZERS / "jwt_claims.py"
    assert not _python(function, _event(token=_jwt_token(_claims(), algorithm="none"))).authenticated
    assert not _python(function, _event(username=f"?jwt={_jwt_token(_claims())}")).authenticated


@pytest.mark.parametrize(
    ("expected", "sent", "let_in"),
    [("wonderland", b"wonderland", True), ("wonderland", b"no", False), ("wonderland", None, False), ("", b"", False)],
)
def test_the_tutorial_function_checks_the_password(expected: str, sent: bytes | None, let_in: bool) -> None:
    answer = _node("tutorial.mjs", _event(password=sent), DEVICE_PASSWORD=expected)
    assert answer.authenticated is let_in
    if let_in:
        assert _may(answer, "iot:Connect", "client/pump-7")
        assert _may(answer, "iot:Subscribe", "topicfilter/tutorial/#")
        assert not _may(answer, "iot:Publish", "topic/other")


@pytest.mark.parametrize(
    ("username", "password", "let_in"),
    [
        ("alice", b"wonderland", True),
        ("alice?x-amz-customauthorizer-name=callback&SDK=Python", b"wonderland", True),
        ("alice", b"Wonderland", False),
        ("bob", b"wonderland", False),
        ("constructor", b"wonderland", False),
        ("", b"", False),
        (None, None, False),
    ],
)
def test_the_callback_function_knows_its_users(username: str | None, password: bytes | None, let_in: bool) -> None:
    users = json.dumps({"alice": "wonderland"})
    answer = _node("callback.js", _event(username=username, password=password), USERS=users)
    assert answer.authenticated is let_in
    assert _may(answer, "iot:Connect", "client/pump-7") is let_in


@pytest.mark.parametrize("name", ["jwt_claims.py", "tutorial.mjs", "callback.js"])
def test_an_example_says_how_to_run_it_in_the_gateway(name: str) -> None:
    text = (AUTHORIZERS / name).read_text()
    assert f'function = "{name}:handler"' in text
    assert "customauth connect --authorizer" in text


def test_the_page_shows_the_policy_of_the_deployed_function() -> None:
    page = (ROOT / "docs" / "aws-setup.md").read_text()
    (shown,) = re.findall(r"^```json\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    (policy,) = _python(FUNCTION, _event(token="open-sesame")).policy_documents
    assert json.loads(shown) == json.loads(policy)
