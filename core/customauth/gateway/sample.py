"""A ready-made gateway folder: a key pair, a signed and an unsigned authorizer, their function, the configuration."""

from __future__ import annotations

from pathlib import Path

from attrs import frozen

from customauth._files import locked, write_private, write_public
from customauth.errors import CredentialError
from customauth.signing import generate_key_pair, load_public_key, public_key_of

SIGNED_AUTHORIZER = "signed-sample"
UNSIGNED_AUTHORIZER = "unsigned-sample"
TOKEN_KEY_NAME = "token"  # noqa: S105 - a name, not a token
SAMPLE_TOKEN = "open-sesame"  # noqa: S105 - the sample's own, printed on purpose
SAMPLE_USERNAME = "alice"
SAMPLE_PASSWORD = "wonderland"  # noqa: S105 - the sample's own, printed on purpose

_CONFIG = f"""\
# The sample of `customauth gateway`. Change it, then: customauth gateway --config gateway.toml

[gateway]
names = ["localhost"]
region = "us-east-1"
account = "123456789012"

[authorizers.{SIGNED_AUTHORIZER}]
status = "ACTIVE"
function = "authorizer.py:handler"
token_key_name = "{TOKEN_KEY_NAME}"
token_signing_public_keys = {{ key1 = "public.pem" }}

[authorizers.{UNSIGNED_AUTHORIZER}]
status = "ACTIVE"
function = "authorizer.py:handler"
signing_disabled = true
"""

_FUNCTION = f'''\
"""A custom authorizer function, as it would run in AWS Lambda.

It lets in who brings a verified token, and who knows the password of the sample.
"""

import base64


def handler(event, context):
    mqtt = event.get("protocolData", {{}}).get("mqtt", {{}})
    user = mqtt.get("username", "").partition("?")[0]
    password = base64.b64decode(mqtt.get("password", ""))
    known = user == "{SAMPLE_USERNAME}" and password == b"{SAMPLE_PASSWORD}"
    region, account = context.invoked_function_arn.split(":")[3:5]
    arn = f"arn:aws:iot:{{region}}:{{account}}"
    return {{
        "isAuthenticated": event["signatureVerified"] or known,
        "principalId": "sample",
        "disconnectAfterInSeconds": 86400,
        "refreshAfterInSeconds": 300,
        "policyDocuments": [
            {{
                "Version": "2012-10-17",
                "Statement": [
                    {{"Effect": "Allow", "Action": "iot:Connect", "Resource": f"{{arn}}:client/${{{{iot:ClientId}}}}"}},
                    {{
                        "Effect": "Allow",
                        "Action": ["iot:Publish", "iot:Receive", "iot:RetainPublish"],
                        "Resource": f"{{arn}}:topic/sample/*",
                    }},
                    {{"Effect": "Allow", "Action": "iot:Subscribe", "Resource": f"{{arn}}:topicfilter/sample/*"}},
                ],
            }}
        ],
    }}
'''


@frozen(kw_only=True)
class Sample:
    """The files of a sample folder."""

    config_file: Path
    function_file: Path
    private_key_file: Path
    public_key_file: Path


def write_sample(folder: Path) -> Sample:
    """Write the sample into a folder; a file that is already there stays as it is.

    :raises OSError: when the folder cannot be written.
    :raises ValueError: when it holds half a key pair, two keys that are no pair, or a key that cannot be read.
    """
    sample = Sample(
        config_file=folder / "gateway.toml",
        function_file=folder / "authorizer.py",
        private_key_file=folder / "private.pem",
        public_key_file=folder / "public.pem",
    )
    with locked(folder):
        _write_keys(sample)
        for file, content in ((sample.function_file, _FUNCTION), (sample.config_file, _CONFIG)):
            if not file.exists():
                write_public(file, content.encode())
    return sample


def _write_keys(sample: Sample) -> None:
    private_file, public_file = sample.private_key_file, sample.public_key_file
    if not private_file.exists():
        if public_file.exists():
            raise ValueError(f"{public_file} has lost its private key; remove it or use another folder")
        # The folder may stand in somebody's checkout, and holds private keys.
        write_public(private_file.with_name(".gitignore"), b"*\n")
        write_private(private_file, generate_key_pair().private_pem)
    try:
        public_pem = public_key_of(private_file.read_bytes())
    except CredentialError as error:
        raise ValueError(f"{private_file}: {error}") from error
    if not public_file.exists():
        write_public(public_file, public_pem)
    elif not _is_key(public_file.read_bytes(), public_pem):
        raise ValueError(
            f"{public_file} is not the public key of {private_file}; remove {public_file}, and it is made again"
        )


def _is_key(found: bytes, wanted: bytes) -> bool:
    try:
        return load_public_key(found) == load_public_key(wanted)
    except CredentialError:
        return False
