"""Set-ups for the doctor: what one is, and how it is staged. Import as ``setups.staging``.

::

    with staged(case, folder) as stage:
        stage.examine()               the doctor's Result, by the real command
        stage.run("connect")          another command with the same words

A set-up is staged against a gateway of its own, or against some other server where the mistake is to reach one, and,
where the person has the account at hand, against :mod:`aws_account`.
"""

from __future__ import annotations

import atexit
import base64
import contextlib
import functools
import hmac
import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from attrs import define, field, frozen
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding

import aws_account
import commands
from aws_account_lambda import LambdaFunction
from customauth import CustomAuth
from customauth.gateway import GatewayConfig, load_config
from customauth.gateway.runtimes.choose import bundled_runtime
from customauth.signing import signed_token
from customauth.testing.local_gateway import LocalGateway
from setups import functions
from setups.keys import PUMPS

REGION = "eu-central-1"
NAME = f"a1b2c3d4e5f6g7-ats.iot.{REGION}.amazonaws.com"
OWN_NAME = "mqtt.pumps.test"
KEY_NAME = "pump-token"
TOKEN = "open-sesame-7"

PUMPS_AUTHORIZER = f"""
[authorizers.pumps]
status = "ACTIVE"
function = "signed.py:handler"
token_key_name = "{KEY_NAME}"
token_signing_public_keys = {{ key1 = "pumps.pem" }}
"""
METERS_AUTHORIZER = """
[authorizers.meters]
status = "ACTIVE"
function = "password.py:handler"
signing_disabled = true
"""


@frozen(kw_only=True)
class Cloud:
    """What the person's AWS account has beyond the gateway's configuration.

    :ivar functions: by the name of the authorizer.
    :ivar denied: actions that the person's credentials do not allow.
    :ivar other: the account, where it is not the one whose endpoint the device dials: that of a set-up like this.
    """

    functions: Mapping[str, LambdaFunction] = field(factory=dict)
    denied: tuple[str, ...] = ()
    other: Case | None = None


@frozen
class Server:
    """What listens where the device dials, in place of the gateway.

    :ivar open: given the place, serves until the end of the block; yields the port and the CA to trust.
    """

    open: Callable[[Place], AbstractContextManager[tuple[int, bytes]]]


@frozen(kw_only=True)
class Case:
    """One set-up.

    :ivar cause: the key of the true cause; None of a set-up that works.
    :ivar story: what the person did, in a sentence.
    :ivar words: the doctor's options, made when the set-up is staged.
    :ivar gateway: more lines for the table ``[gateway]``.
    :ivar rest: further tables of the gateway's configuration; the authorizers ``pumps`` (signed) and ``meters``
        (password) are there, unless they are in it too.
    :ivar lacks: which of these two are not there.
    :ivar files: by name; the functions, and others that the configuration names.
    :ivar cloud: the account, where the person has credentials for it; None for ``--no-aws``.
    :ivar port: the one of AWS that the device dials.
    :ivar logs_in: whether the login works, and what comes after it does not.
    """

    name: str
    story: str
    words: Callable[[Place], Sequence[str]]
    cause: str | None = None
    facts: tuple[str, ...] = ()
    names: tuple[str, ...] = (NAME,)
    region: str = REGION
    gateway: str = ""
    rest: str = ""
    lacks: tuple[str, ...] = ()
    files: Mapping[str, str | bytes] = field(factory=dict)
    cloud: Cloud | None = None
    port: int = 443
    logs_in: bool = False
    server: Server | None = None

    @property
    def knows(self) -> str:
        """What there is to go by."""
        return "the wire" if self.cloud is None else "the wire and the account"

    def configuration(self) -> str:
        """Return the gateway's configuration."""
        authorizers = [
            text
            for name, text in {"pumps": PUMPS_AUTHORIZER, "meters": METERS_AUTHORIZER}.items()
            if f"[authorizers.{name}]" not in self.rest and name not in self.lacks
        ]
        head = f'[gateway]\nnames = {json.dumps(list(self.names))}\nregion = "{self.region}"\n{self.gateway}\n'
        return head + "".join(authorizers) + self.rest


@define(eq=False)
class Place:
    """The folder of a person with a device: the files in it, and where the device dials."""

    folder: Path
    port: int = 0
    ca_pem: bytes = field(default=b"", repr=False)

    def file(self, name: str, content: str | bytes) -> str:
        """Write a file and return its path."""
        path = self.folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return str(path)

    def reach(self, endpoint: str = NAME, *, trusting: bool = True) -> list[str]:
        """Return the words for an endpoint's name that is dialled on this machine."""
        words = [endpoint, "--address", f"127.0.0.1:{self.port}"]
        return [*words, "--cafile", self.file("ca.pem", self.ca_pem)] if trusting else words

    @property
    def public_key(self) -> list[str]:
        """The words that hand the doctor the authorizer's public key."""
        return ["--public-key", self.file("pumps.pem", PUMPS.public_pem)]

    @property
    def username(self) -> str:
        """The right user name for the authorizer ``pumps``."""
        token = signed_token(KEY_NAME, TOKEN, PUMPS.private_pem)
        return CustomAuth(authorizer="pumps", token=token).mqtt_username() or ""

    def signed(self, token: str = TOKEN, signature: str | None = None, *, key_name: str = KEY_NAME) -> list[str]:
        """Return the words for the authorizer ``pumps`` with a token and its signature, both in files."""
        signature = sign(token) if signature is None else signature
        return [
            *("--authorizer", "pumps", "--token-key-name", key_name),
            *("--token-file", self.file("token", token)),
            *("--token-signature-file", self.file("signature", signature)),
        ]

    def password(self, username: str = "alice", password: str = "wonderland") -> list[str]:
        """Return the words for the authorizer ``meters``."""
        return ["--authorizer", "meters", "--username", username, "--password-file", self.file("password", password)]


@define(eq=False)
class Stage:
    """A set-up that is staged."""

    case: Case
    place: Place
    environment: Mapping[str, str] = field(factory=dict)
    account: aws_account.Account | None = None

    def run(self, command: str, *, without: Sequence[str] = (), extra: Sequence[str] = ()) -> commands.Result:
        """Run a command of customauth with the words of the set-up.

        :param without: options that the command does not have; each is left out with its value.
        """
        words = list(self.case.words(self.place))
        for option in without:
            while option in words:
                del words[(at := words.index(option)) : at + 2]
        return commands.run(command, *words, *extra, env=self.environment)

    def examine(self, *more: str) -> commands.Result:
        """Run the doctor."""
        return self.run("doctor", extra=["--json", *([] if self.account else ["--no-aws"]), *more])


@contextlib.contextmanager
def staged(case: Case, folder: Path) -> Iterator[Stage]:
    """Start what the set-up needs, until the end of the block."""
    place = Place(folder)
    with contextlib.ExitStack() as stack:
        config = _configured(case, folder)
        account, environment = None, {}
        if case.cloud is not None:
            cloud = case.cloud
            own = config if cloud.other is None else _configured(cloud.other, folder)
            account = aws_account.Account(own, functions=cloud.functions, denied=cloud.denied)
            environment = stack.enter_context(aws_account.serving(account))
        if case.server is not None:
            place.port, place.ca_pem = stack.enter_context(case.server.open(place))
        else:
            further = {} if case.port == 443 else {case.port: 0}
            runtimes = bundled_runtime if account is None or account.config is not config else account.runtimes
            kept = _certificates(config.server_names)
            if kept.exists():
                shutil.copytree(kept, folder / "ca")
            local = stack.enter_context(LocalGateway(config, folder=folder, further_ports=further, runtimes=runtimes))
            if not kept.exists():
                shutil.copytree(folder / "ca", kept)
            place.port, place.ca_pem = local.gateway.ports[case.port], local.ca_file.read_bytes()
        yield Stage(case, place, environment, account)


@functools.cache
def _certificates(names: tuple[str, ...]) -> Path:
    """Return where the certificates for these names are kept: keys take longer to make than all the rest."""
    folder = Path(tempfile.mkdtemp(prefix="customauth-setups-"))
    atexit.register(shutil.rmtree, folder)
    return folder / "ca"


def _configured(case: Case, folder: Path) -> GatewayConfig:
    for name, content in {**functions.FILES, "pumps.pem": PUMPS.public_pem, **case.files}.items():
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    file = folder / "gateway.toml"
    file.write_text(case.configuration())
    return load_config(file)


def signature_of(token: bytes, *, by: bytes = PUMPS.private_pem) -> bytes:
    """Return the raw RSA-SHA256 signature, as ``openssl dgst -sha256 -sign`` writes it."""
    key: Any = serialization.load_pem_private_key(by, None)
    return bytes(key.sign(token, padding.PKCS1v15(), hashes.SHA256()))


def sign(token: str, *, by: bytes = PUMPS.private_pem) -> str:
    """Return the signature in base64."""
    return base64.b64encode(signature_of(token.encode(), by=by)).decode()


def token_whose_signature_has(characters: str) -> str:
    """Return a token whose signature holds each of these characters: most have them, not all."""
    return next(token for number in range(1000) if set(characters) <= set(sign(token := f"sesame-{number}")))


def jwt(*, algorithm: str = "RS256", begins: int = -90_000, lasts: int = 3600) -> str:
    """Return a JWT that begins and ends so many seconds from now."""
    now = int(time.time())
    claims = {"sub": "pump-7", "iat": now + begins, "nbf": now + begins, "exp": now + lasts}
    parts = [_base64url(json.dumps(part).encode()) for part in ({"alg": algorithm, "typ": "JWT"}, claims)]
    signed = ".".join(parts)
    if algorithm == "HS256":
        return f"{signed}.{_base64url(hmac.digest(b'a shared secret', signed.encode(), 'sha256'))}"
    return f"{signed}.{_base64url(signature_of(signed.encode()))}"


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
