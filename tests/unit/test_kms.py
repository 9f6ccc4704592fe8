"""Signing with a key of AWS KMS: what goes out is checked against the service's model, what comes back is real."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError
from botocore.stub import Stubber
from hypothesis import given
from hypothesis import strategies as st

from customauth import AwsError, AwsNotSetUp, CredentialError, CustomAuth, KmsSigner
from customauth.fresh_credentials import fresh
from customauth.signing import signed_token, verify
from kms_server import ALIAS, KEY_ARN, KEY_ID, key_pair, kms, public_der, raw_signature

TOKEN = "open-sesame-of-pump-7"


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "none")


def stubbed(prepare: Callable[[Stubber], None], key_id: str = ALIAS) -> KmsSigner:
    client = boto3.session.Session(region_name="eu-west-1").client("kms")
    stubber = Stubber(client)
    prepare(stubber)
    stubber.activate()
    return KmsSigner(key_id, client=client)


def signs(message: bytes, kind: str) -> Callable[[Stubber], None]:
    def prepare(stubber: Stubber) -> None:
        stubber.add_response(
            "sign",
            {"KeyId": KEY_ARN, "Signature": raw_signature(message, kind)},
            {
                "KeyId": ALIAS,
                "Message": message,
                "MessageType": kind,
                "SigningAlgorithm": "RSASSA_PKCS1_V1_5_SHA_256",
            },
        )

    return prepare


def refuses(code: str, operation: str = "sign") -> Callable[[Stubber], None]:
    return lambda stubber: stubber.add_client_error(operation, service_error_code=code, service_message=TOKEN)


@pytest.mark.fact("B17")
def test_a_signature_of_kms_is_what_aws_verifies() -> None:
    signature = stubbed(signs(TOKEN.encode(), "RAW")).sign(TOKEN)
    assert verify(TOKEN, signature, key_pair().public_pem)


@pytest.mark.fact("B17")
@pytest.mark.parametrize(("characters", "kind"), [(4096, "RAW"), (4097, "DIGEST")])
def test_a_token_beyond_what_kms_takes_goes_as_its_digest(characters: int, kind: str) -> None:
    token = "x" * characters
    message = token.encode() if kind == "RAW" else hashlib.sha256(token.encode()).digest()
    assert verify(token, stubbed(signs(message, kind)).sign(token), key_pair().public_pem)


def test_characters_are_counted_in_bytes() -> None:
    token = "é" * 2049
    signer = stubbed(signs(hashlib.sha256(token.encode()).digest(), "DIGEST"))
    assert verify(token, signer.sign(token), key_pair().public_pem)


@pytest.mark.fact("B8")
def test_the_public_key_is_the_pem_that_aws_iot_takes() -> None:
    signer = stubbed(
        lambda stubber: stubber.add_response(
            "get_public_key", {"KeyId": KEY_ARN, "PublicKey": public_der()}, {"KeyId": ALIAS}
        )
    )
    assert signer.public_pem() == key_pair().public_pem


def test_a_key_that_is_not_rsa_is_refused() -> None:
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    der = ec.generate_private_key(ec.SECP256R1()).public_key()
    encoded = der.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    signer = stubbed(lambda stubber: stubber.add_response("get_public_key", {"KeyId": KEY_ARN, "PublicKey": encoded}))
    with pytest.raises(CredentialError, match="not an RSA key"):
        signer.public_pem()


def test_it_signs_where_a_private_key_would() -> None:
    token = signed_token("token", TOKEN, signer=stubbed(signs(TOKEN.encode(), "RAW")))
    assert verify(TOKEN, token.signature, key_pair().public_pem)


def test_a_key_and_a_signer_together_or_neither_are_refused() -> None:
    with pytest.raises(CredentialError, match="one of them"):
        signed_token("token", TOKEN)
    with pytest.raises(CredentialError, match="one of them"):
        signed_token("token", TOKEN, key_pair().private_pem, signer=KmsSigner(KEY_ID))


def test_a_source_of_credentials_signs_at_every_attempt_without_holding_up_the_loop() -> None:
    import threading

    tokens = iter(["first-token-of-all", "second-token-of-all"])
    threads = []

    def prepare(stubber: Stubber) -> None:
        signs(b"first-token-of-all", "RAW")(stubber)
        signs(b"second-token-of-all", "RAW")(stubber)

    def next_token() -> str:
        threads.append(threading.current_thread())
        return next(tokens)

    source = stubbed(prepare).credentials(
        token_key_name="token", token=next_token, authorizer="pumps", username="pump-7", password="p"
    )

    async def twice() -> list[CustomAuth]:
        return [await fresh(source), await fresh(source)]

    first, second = asyncio.run(twice())
    assert threading.main_thread() not in threads
    assert (first.authorizer, first.username, first.password) == ("pumps", "pump-7", b"p")
    assert first.token is not None
    assert second.token is not None
    assert [first.token.value, second.token.value] == ["first-token-of-all", "second-token-of-all"]
    assert verify(second.token.value, second.token.signature, key_pair().public_pem)


@pytest.mark.parametrize(
    ("code", "mend"),
    [
        ("NotFoundException", "check its id or alias, and the region"),
        ("DisabledException", "enable it: aws kms enable-key"),
        ("InvalidKeyUsageException", "SIGN_VERIFY"),
        ("KMSInvalidStateException", "enabled and not to be deleted"),
        ("ValidationException", "RSA_2048"),
    ],
)
def test_a_key_that_cannot_sign_is_named_with_the_mend(code: str, mend: str) -> None:
    with pytest.raises(CredentialError, match=ALIAS) as caught:
        stubbed(refuses(code)).sign(TOKEN)
    assert code in str(caught.value)
    assert mend in str(caught.value)
    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize(
    ("operation", "permission"), [("sign", "allow kms:Sign "), ("get_public_key", "allow kms:GetPublicKey ")]
)
def test_a_missing_permission_is_named(operation: str, permission: str) -> None:
    signer = stubbed(refuses("AccessDeniedException", operation))
    with pytest.raises(AwsError) as caught:
        signer.sign(TOKEN) if operation == "sign" else signer.public_pem()
    assert caught.value.code == "AccessDeniedException"
    assert caught.value.hint.startswith(permission)
    assert TOKEN not in f"{caught.value}{caught.value.hint}"


def test_an_outage_of_kms_is_no_fault_of_the_key() -> None:
    with pytest.raises(AwsError) as caught:
        stubbed(refuses("KMSInternalException")).sign(TOKEN)
    assert not isinstance(caught.value, CredentialError)
    assert str(caught.value) == "Sign was refused: KMSInternalException"


def test_a_network_without_kms_is_told() -> None:
    class Unreachable:
        def sign(self, **_: Any) -> None:
            raise EndpointConnectionError(endpoint_url="https://kms")

    with pytest.raises(AwsError, match="AWS was not reached: EndpointConnectionError"):
        KmsSigner(KEY_ID, client=Unreachable()).sign(TOKEN)


def test_without_a_region_the_next_step_is_told() -> None:
    with pytest.raises(AwsNotSetUp) as caught:
        KmsSigner(ALIAS).sign(TOKEN)
    assert caught.value.hint == "set AWS_REGION, or name the region"


@pytest.mark.parametrize("token", ["", "\ud800"])
def test_a_token_that_nobody_can_sign_is_refused_before_kms_is_asked(token: str) -> None:
    with pytest.raises(CredentialError):
        KmsSigner(ALIAS).sign(token)


def test_no_key_is_refused() -> None:
    with pytest.raises(CredentialError, match="which key of KMS"):
        KmsSigner("")


@given(st.text(min_size=1, max_size=40, alphabet=st.characters(codec="utf-8")))
def test_whatever_the_token_kms_is_asked_for_its_bytes(token: str) -> None:
    class Recording:
        def sign(self, **asked: Any) -> dict[str, bytes]:
            assert asked["Message"] == token.encode()
            return {"Signature": b"s"}

    assert KmsSigner(KEY_ID, client=Recording()).sign(token) == "cw=="


def test_a_real_client_asks_in_the_region_of_the_arn(monkeypatch: pytest.MonkeyPatch) -> None:
    with kms() as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        signature = KmsSigner(KEY_ARN).sign(TOKEN)
        assert KmsSigner(ALIAS).public_pem() == server.pair.public_pem
    assert verify(TOKEN, signature, server.pair.public_pem)
    assert server.asked == [("Sign", "eu-west-1"), ("GetPublicKey", "eu-central-1")]


def test_botocores_log_of_requests_stays_off(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    with kms() as server, caplog.at_level("DEBUG"):
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        KmsSigner(KEY_ARN).sign(TOKEN)
    assert base64.b64encode(TOKEN.encode()).decode() not in caplog.text
    assert TOKEN not in caplog.text


def test_a_signer_costs_no_import_of_boto3_before_it_signs() -> None:
    program = "import sys, customauth; customauth.KmsSigner('k'); print('boto3' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout == "False\n"
