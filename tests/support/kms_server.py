"""AWS KMS with one key, for boto3. Import as ``kms_server``.

::

    with kms() as server:
        server.environment      the variables that point boto3 at it
        server.pair             the key: KEY_ID, or ALIAS
        server.asked            operation and region of each request

It answers Sign and GetPublicKey; requests and answers are checked against botocore's service model.
"""

from __future__ import annotations

import base64
import contextlib
import functools
import http.server
import json
import re
import threading
from collections.abc import Iterator
from typing import Any

import botocore.session
from attrs import define, field
from botocore.validate import ParamValidator
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa, utils
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from customauth.signing import KeyPair, generate_key_pair

KEY_ID = "1234abcd-12ab-34cd-56ef-1234567890ab"
ALIAS = "alias/pumps"
KEY_ARN = f"arn:aws:kms:eu-west-1:123456789012:key/{KEY_ID}"
_KNOWN = (KEY_ID, ALIAS, KEY_ARN)
_REGION = re.compile(r"Credential=[^/]+/\d+/([^/]+)/kms/")


@functools.cache
def key_pair() -> KeyPair:
    """Return the key pair of all tests."""
    return generate_key_pair()


def raw_signature(message: bytes, kind: str) -> bytes:
    """Sign as KMS does, a message or its digest."""
    key = load_pem_private_key(key_pair().private_pem, None)
    assert isinstance(key, rsa.RSAPrivateKey)
    digest = hashes.SHA256() if kind == "RAW" else utils.Prehashed(hashes.SHA256())
    return key.sign(message, padding.PKCS1v15(), digest)


def public_der() -> bytes:
    """Return the public key as KMS does."""
    key = load_pem_private_key(key_pair().private_pem, None)
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


@define
class Server:
    """The server, once it runs."""

    pair: KeyPair
    environment: dict[str, str]
    asked: list[tuple[str, str]] = field(factory=list)


@contextlib.contextmanager
def kms() -> Iterator[Server]:
    """Serve it on loopback until the end of the block."""
    server = Server(pair=key_pair(), environment={})
    failures: list[Exception] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            try:
                status, body = _answer(server, self.headers, self.rfile.read(int(self.headers["content-length"])))
            except Exception as error:
                failures.append(error)
                status, body = 500, {"__type": "KMSInternalException"}
            payload = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("content-type", "application/x-amz-json-1.1")
            self.send_header("content-length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.05,))
        thread.start()
        server.environment = {
            "AWS_ENDPOINT_URL_KMS": f"http://127.0.0.1:{running.server_address[1]}",
            "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "none",
            "AWS_DEFAULT_REGION": "eu-central-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "NO_PROXY": "127.0.0.1",
        }
        try:
            yield server
        finally:
            running.shutdown()
            thread.join()
    if failures:
        raise failures[0]


def _answer(server: Server, headers: Any, body: bytes) -> tuple[int, dict[str, Any]]:
    _, operation = headers["x-amz-target"].split(".")
    found = _REGION.search(headers["authorization"])
    assert found, headers["authorization"]
    server.asked.append((operation, found[1]))
    model = botocore.session.get_session().get_service_model("kms").operation_model(operation)
    asked = json.loads(body)
    if "Message" in asked:
        asked["Message"] = base64.b64decode(asked["Message"])
    _check(asked, model.input_shape)
    if asked["KeyId"] not in _KNOWN:
        return 400, {"__type": "NotFoundException", "message": f"Key '{asked['KeyId']}' does not exist"}
    if operation == "Sign":
        answer: dict[str, Any] = {
            "KeyId": KEY_ARN,
            "Signature": raw_signature(asked["Message"], asked["MessageType"]),
            "SigningAlgorithm": asked["SigningAlgorithm"],
        }
    else:
        answer = {"KeyId": KEY_ARN, "PublicKey": public_der(), "KeyUsage": "SIGN_VERIFY"}
    _check(answer, model.output_shape)
    return 200, {
        name: base64.b64encode(value).decode() if isinstance(value, bytes) else value for name, value in answer.items()
    }


def _check(value: dict[str, Any], shape: Any) -> None:
    report = ParamValidator().validate(value, shape)
    assert not report.has_errors(), report.generate_report()
