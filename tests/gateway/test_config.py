"""The configuration file: what it says, and what is wrong with one that cannot be used."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from customauth.gateway import ConfigError, GatewayConfig, load_config, write_sample
from customauth.gateway.config_parse import parse_config
from customauth.gateway.runtimes.functions import PythonFunction
from gateways import Keys

OPEN = 'function = "auth.py:handler"\nsigning_disabled = true\n'
SIGNED = 'function = "auth.py:handler"\ntoken_key_name = "token"\n'


@pytest.fixture(autouse=True)
def files(tmp_path: Path, keys: Keys) -> None:
    """Write the files that the configurations name."""
    (tmp_path / "auth.py").write_text("def handler(event, context): ...")
    (tmp_path / "key.pem").write_bytes(keys.old.public_pem)
    (tmp_path / "new.pem").write_bytes(keys.new.public_pem)
    (tmp_path / "private.pem").write_bytes(keys.old.private_pem)
    elliptic = ec.generate_private_key(ec.SECP256R1()).public_key()
    # 1024 bits are refused at AWS too.
    short = rsa.generate_private_key(public_exponent=65537, key_size=1024).public_key()  # noqa: S505
    for name, key in (("ec.pem", elliptic), ("short.pem", short)):
        pem = key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        (tmp_path / name).write_bytes(pem)
    text = keys.old.public_pem.decode()
    (tmp_path / "note.pem").write_text(f"a note before it\n{text}")
    (tmp_path / "joined.pem").write_text(text.replace("\n", ""))
    (tmp_path / "indented.pem").write_text(text.replace("-----BEGIN", "  -----BEGIN"))
    (tmp_path / "windows.pem").write_bytes(text.replace("\n", "\r\n").encode())
    (tmp_path / "empty.pem").write_text("")
    (tmp_path / "large.pem").write_text(text.rjust(5121))
    (tmp_path / "vast.pem").write_text(text.rjust(65_537))


def parsed(text: str, folder: Path) -> GatewayConfig:
    return parse_config(text, file=folder / "gateway.toml")


def problem(text: str, folder: Path) -> str:
    """Return what is said about a text, without the file and the line."""
    with pytest.raises(ConfigError) as caught:
        parsed(text, folder)
    where = "" if caught.value.line is None else f" line {caught.value.line}"
    start = f"{folder / 'gateway.toml'}{where}: "
    assert str(caught.value).startswith(start)
    return str(caught.value).removeprefix(start)


def signed(keys: str) -> str:
    return f"[authorizers.a]\n{SIGNED}token_signing_public_keys = {keys}\n"


@pytest.mark.fact("A14", "B9", "B10")
def test_what_is_left_out_has_the_default_of_aws(tmp_path: Path) -> None:
    config = parsed(signed('{ key1 = "key.pem" }'), tmp_path)
    authorizer = config.authorizers["a"]
    assert not authorizer.active
    assert not authorizer.signing_disabled
    assert (authorizer.enable_caching_for_http, authorizer.memory_size) == (False, 512)
    assert (config.plus_is_space, config.enforce_quotas, config.recheck_connect_without_will) == (False,) * 3
    assert (config.domain_configurations, config.client_certificates) == ((), ())
    assert (config.names, config.default_authorizer) == (("localhost",), None)
    assert config.arn("client/x") == "arn:aws:iot:us-east-1:123456789012:client/x"


@pytest.mark.fact("A14", "A47", "B3", "B5", "B9", "B10", "B19", "A60", "D3")
def test_everything_that_is_said_is_taken(tmp_path: Path) -> None:
    config = parsed(
        f"""
        [gateway]
        names = ["LocalHost", "gateway.example"]
        region = "ap-southeast-2"
        account = "210987654321"
        default_authorizer = "b"
        plus_is_space = true
        enforce_quotas = true
        recheck_connect_without_will = true

        [authorizers.a]
        status = "ACTIVE"
        {SIGNED}
        token_signing_public_keys = {{ key1 = "key.pem", "2026:key_2" = "new.pem" }}
        environment = {{ TABLE = "devices" }}
        enable_caching_for_http = true
        memory_size = 128

        [authorizers.b]
        status = "INACTIVE"
        token_key_name = "allowed-with-signing-off"
        {OPEN}
        """,
        tmp_path,
    )
    first, second = config.authorizers["a"], config.authorizers["b"]
    assert config.names == ("localhost", "gateway.example")
    assert config.default_authorizer == "b"
    assert config.arn("client/x") == "arn:aws:iot:ap-southeast-2:210987654321:client/x"
    assert first.active
    assert first.function == PythonFunction(file=tmp_path / "auth.py", handler="handler")
    assert list(first.public_keys) == ["key1", "2026:key_2"]
    assert first.environment == {"TABLE": "devices"}
    assert (first.enable_caching_for_http, first.memory_size) == (True, 128)
    assert config.plus_is_space
    assert config.enforce_quotas
    assert config.recheck_connect_without_will
    assert (second.active, second.signing_disabled, dict(second.public_keys)) == (False, True, {})


def test_a_key_may_stand_in_the_file_itself(tmp_path: Path, keys: Keys) -> None:
    config = parsed(signed(f"{{ key1 = {keys.old.public_pem.decode()!r} }}".replace("'", '"')), tmp_path)
    assert config.authorizers["a"].public_keys["key1"].key_size == 2048


@pytest.mark.fact("B8")
@pytest.mark.parametrize("name", ["note.pem", "windows.pem"])
def test_text_before_the_key_is_skipped_and_lines_end_in_any_way(name: str, tmp_path: Path) -> None:
    assert parsed(signed(f'{{ key1 = "{name}" }}'), tmp_path).authorizers["a"].public_keys


@pytest.mark.fact("B3", "B4", "B5", "B6", "B7", "B8")
@pytest.mark.parametrize(
    ("lines", "place", "says"),
    [
        (signed("{}"), "authorizers.a.token_signing_public_keys", "one or two public keys"),
        (f"[authorizers.a]\n{SIGNED}", "authorizers.a.token_signing_public_keys", "one or two public keys"),
        (
            signed('{ a = "key.pem", b = "key.pem", c = "key.pem" }'),
            "authorizers.a.token_signing_public_keys",
            "one or two public keys",
        ),
        (
            f'[authorizers.a]\n{OPEN}token_signing_public_keys = {{ a = "key.pem" }}',
            "authorizers.a.token_signing_public_keys",
            "leave the keys out",
        ),
        (signed('{ "a.b" = "key.pem" }'), "authorizers.a.token_signing_public_keys.'a.b'", "letters, digits"),
        (signed('{ a = "short.pem" }'), "authorizers.a.token_signing_public_keys.a", "1024 bits"),
        (signed('{ a = "ec.pem" }'), "authorizers.a.token_signing_public_keys.a", "not an RSA key"),
        (signed('{ a = "private.pem" }'), "authorizers.a.token_signing_public_keys.a", "private key"),
        (signed('{ a = "joined.pem" }'), "authorizers.a.token_signing_public_keys.a", "a line of its own"),
        (signed('{ a = "indented.pem" }'), "authorizers.a.token_signing_public_keys.a", "a line of its own"),
        (signed('{ a = "empty.pem" }'), "authorizers.a.token_signing_public_keys.a", "not a PEM public key"),
        (signed('{ a = "none.pem" }'), "authorizers.a.token_signing_public_keys.a", "none.pem: No such file"),
        (signed('{ a = "." }'), "authorizers.a.token_signing_public_keys.a", ".: a plain file of at most 64 KiB"),
        (signed('{ a = "large.pem" }'), "authorizers.a.token_signing_public_keys.a", "5121 characters"),
        (signed('{ a = "vast.pem" }'), "authorizers.a.token_signing_public_keys.a", "at most 64 KiB"),
        (signed('{ a = "a\\u0000" }'), "authorizers.a.token_signing_public_keys.a", "cannot be the name of a file"),
        (signed("{ a = 1 }"), "authorizers.a.token_signing_public_keys.a", "a text in quotes"),
        (
            signed('{ a = "key.pem" }').replace('token_key_name = "token"', ""),
            "authorizers.a.token_key_name",
            "under which name",
        ),
        (signed('{ a = "key.pem" }').replace('"token"', '"to ken"'), "authorizers.a.token_key_name", "letters, digits"),
        (signed('{ a = "key.pem" }').replace('"token"', '""'), "authorizers.a.token_key_name", "letters, digits"),
        (
            signed('{ a = "key.pem" }').replace('"token"', f'"{"t" * 129}"'),
            "authorizers.a.token_key_name",
            "1 to 128",
        ),
    ],
)
def test_a_key_that_aws_would_refuse_is_refused(lines: str, place: str, says: str, tmp_path: Path) -> None:
    message = problem(lines, tmp_path)
    assert message.startswith(f"{place}: ")
    assert says in message


@pytest.mark.fact("B1", "B9")
@pytest.mark.parametrize(
    ("lines", "place", "says"),
    [
        (f'[authorizers."a b"]\n{OPEN}', "authorizers.'a b'", "letters, digits"),
        (f"[authorizers.{'a' * 129}]\n{OPEN}", "authorizers.aaa", "1 to 128"),
        (f'[authorizers.a]\nstatus = "active"\n{OPEN}', "authorizers.a.status", "ACTIVE or INACTIVE"),
        ("[authorizers.a]\nsigning_disabled = true", "authorizers.a.function", "which function"),
        (f"[authorizers.a]\n{OPEN}".replace(":handler", ""), "authorizers.a.function", "FILE.py:HANDLER"),
        (f"[authorizers.a]\n{OPEN}".replace("auth.py", "no.py"), "authorizers.a.function", "there is no file"),
        (f"[authorizers.a]\n{OPEN}".replace("true", '"true"'), "authorizers.a.signing_disabled", "true or false"),
        (
            f"[authorizers.a]\n{OPEN}colour = 1",
            "authorizers.a.colour",
            "unknown; known here: enable_caching_for_http, env",
        ),
        (f"[authorizers.a]\n{OPEN}environment = {{ A = 1 }}", "authorizers.a.environment.A", "a text in quotes"),
        (
            f'[authorizers.a]\n{OPEN}environment = {{ "A=B" = "x" }}',
            "authorizers.a.environment.'A=B'",
            "letters, digits",
        ),
        (f'[authorizers.a]\n{OPEN}environment = {{ "" = "x" }}', "authorizers.a.environment.''", "letters, digits"),
        (f'[authorizers.a]\n{OPEN}environment = {{ 1A = "x" }}', "authorizers.a.environment.1A", "no digit first"),
        (
            f'[authorizers.a]\n{OPEN}environment = {{ "A\\u0000" = "x" }}',
            "authorizers.a.environment.'A\\x00'",
            "letters, digits",
        ),
        (f'[authorizers.a]\n{OPEN}environment = {{ A = "x\\u0000" }}', "authorizers.a.environment.A", "no NUL"),
        ("authorizers = 1", "authorizers", "a table"),
        ("[authorizers]\na = 1", "authorizers.a", "a table"),
        ("[gateway]", "there is no authorizer", "[authorizers.NAME]"),
        (f"[authorizers.a]\n{OPEN}[server]", "server", "unknown"),
        (f"[gateway]\nnames = []\n[authorizers.a]\n{OPEN}", "gateway.names", "at least one"),
        (f'[gateway]\nnames = "x"\n[authorizers.a]\n{OPEN}', "gateway.names", "a list of texts"),
        (f'[gateway]\nnames = [""]\n[authorizers.a]\n{OPEN}', "gateway.names: ''", "a host name of ASCII"),
        (f'[gateway]\nnames = ["жук.example"]\n[authorizers.a]\n{OPEN}', "gateway.names: 'жук.example'", "ASCII"),
        (f'[gateway]\nnames = ["a.b", "*.wild.test"]\n[authorizers.a]\n{OPEN}', "gateway.names: '*.w", "a host name"),
        (f'[gateway]\nnames = ["{"a" * 64}.test"]\n[authorizers.a]\n{OPEN}', "gateway.names: 'aaa", "a host name"),
        (f'[gateway]\nnames = ["{"a." * 127}test"]\n[authorizers.a]\n{OPEN}', "gateway.names: 'a.a", "a host name"),
        (f'[gateway]\nnames = ["-a.test"]\n[authorizers.a]\n{OPEN}', "gateway.names: '-a.test'", "a host name"),
        (f'[gateway]\nnames = ["127.0.0.1"]\n[authorizers.a]\n{OPEN}', "gateway.names: '127.0.0.1'", "an address"),
        (f'[gateway]\nnames = ["::1"]\n[authorizers.a]\n{OPEN}', "gateway.names: '::1'", "an address"),
        (f'[gateway]\nregion = "moon"\n[authorizers.a]\n{OPEN}', "gateway.region", "us-east-1"),
        (f"[gateway]\naccount = 123456789012\n[authorizers.a]\n{OPEN}", "gateway.account", "in quotes"),
        (f'[gateway]\naccount = "12"\n[authorizers.a]\n{OPEN}', "gateway.account", "twelve digits"),
        (f'[gateway]\ndefault_authorizer = "b"\n[authorizers.a]\n{OPEN}', "gateway.default_authorizer", "there are a"),
        (f'[gateway]\nplus_is_space = "no"\n[authorizers.a]\n{OPEN}', "gateway.plus_is_space", "true or false"),
        (f"[gateway]\nnames = 1979-05-27\n[authorizers.a]\n{OPEN}", "gateway.names", "a list of texts"),
        (f"[gateway]\nregion = 07:32:00\n[authorizers.a]\n{OPEN}", "gateway.region", "a text in quotes"),
        (f'[gateway]\naccount = "١٢٣٤٥٦٧٨٩٠١٢"\n[authorizers.a]\n{OPEN}', "gateway.account", "twelve digits"),
        (f'[authorizers.a]\nstatus = ""\n{OPEN}', "authorizers.a.status", "ACTIVE or INACTIVE"),
        (f"[authorizers.a]\n{OPEN}memory_size = 127", "authorizers.a.memory_size", "128 to 10240"),
        (f"[authorizers.a]\n{OPEN}memory_size = 10241", "authorizers.a.memory_size", "128 to 10240"),
        (f"[authorizers.a]\n{OPEN}memory_size = 512.0", "authorizers.a.memory_size", "128 to 10240"),
        (f"[authorizers.a]\n{OPEN}memory_size = true", "authorizers.a.memory_size", "128 to 10240"),
        (f"[authorizers.a]\n{OPEN}enable_caching_for_http = 1", "authorizers.a.enable_caching_for_http", "true or"),
        (f"[[authorizers]]\n{OPEN}", "authorizers", "a table"),
        (f"[gateway]\nport = 1\n[authorizers.a]\n{OPEN}", "gateway.port", "unknown"),
    ],
)
def test_a_mistake_is_named_with_its_place_and_mend(lines: str, place: str, says: str, tmp_path: Path) -> None:
    message = problem(lines, tmp_path)
    assert message.startswith(place)
    assert says in message


@pytest.mark.parametrize("value", ["MIIEvQIBADANBg\\nkqhkiG9w0BAQE", "MIIEvQIBADANBgkqhkiG9w0BAQE" * 20])
def test_a_key_that_lost_its_first_line_is_not_shown(value: str, tmp_path: Path) -> None:
    message = problem(signed(f'{{ a = "{value}" }}'), tmp_path)
    assert "neither the name of a file nor PEM" in message
    assert "MIIE" not in message


@pytest.mark.fact("B4")
def test_a_key_of_the_greatest_length_is_taken(tmp_path: Path, keys: Keys) -> None:
    (tmp_path / "large.pem").write_text(f"\n{keys.old.public_pem.decode()}".rjust(5120, "#"))
    assert parsed(signed('{ a = "large.pem" }'), tmp_path).authorizers["a"].public_keys


def many(count: int, active: int) -> str:
    return "".join(
        f'[authorizers.a{number}]\nstatus = "{"ACTIVE" if number < active else "INACTIVE"}"\n{OPEN}'
        for number in range(count)
    )


@pytest.mark.fact("B16")
def test_there_are_at_most_100_authorizers_and_32_active_ones(tmp_path: Path) -> None:
    assert len(parsed(many(100, 32), tmp_path).authorizers) == 100
    assert problem(many(100, 33), tmp_path) == "authorizers: 33 are ACTIVE; AWS takes 32 of them (B16)"
    assert problem(many(101, 0), tmp_path) == "authorizers: there are 101; AWS takes 100 (B16)"


def test_a_name_that_is_there_twice_counts_once(tmp_path: Path) -> None:
    config = parsed(f'[gateway]\nnames = ["b.test", "A.test", "B.test"]\n[authorizers.a]\n{OPEN}', tmp_path)
    assert config.names == config.server_names == ("b.test", "a.test")


def test_a_function_in_lambda_sees_its_own_arn(tmp_path: Path) -> None:
    arn = "arn:aws:lambda:eu-west-1:999999999999:function:decide:live"
    config = parsed(f"[authorizers.a]\n{OPEN}".replace("auth.py:handler", arn), tmp_path)
    assert config.function_arn(config.authorizers["a"]) == arn


def test_the_files_that_were_read_are_listed_without_the_functions(tmp_path: Path) -> None:
    config = parsed(signed('{ a = "key.pem", b = "new.pem" }'), tmp_path)
    assert config.files == (tmp_path / "gateway.toml", tmp_path / "key.pem", tmp_path / "new.pem")
    assert "gateway.toml" not in repr(config)


@pytest.mark.parametrize(
    ("content", "says"),
    [(None, "No such file"), (b"[gateway", "not TOML"), (b"\xff", "not TOML"), (b"", "there is no authorizer")],
)
def test_a_file_that_cannot_be_used_is_named(content: bytes | None, says: str, tmp_path: Path) -> None:
    file = tmp_path / "gateway.toml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        load_config(file)
    assert str(caught.value).startswith(str(file))
    assert says in str(caught.value)


def test_the_values_of_the_environment_are_not_in_the_repr(tmp_path: Path) -> None:
    config = parsed(f'[authorizers.a]\n{OPEN}environment = {{ KEY = "hunter2" }}', tmp_path)
    assert "hunter2" not in repr(config)


@pytest.mark.parametrize("name", ["a", "a=b", "a,b@c-d_e", "1" * 128])
@pytest.mark.fact("B1")
def test_every_name_that_aws_takes_has_a_function_arn(name: str, tmp_path: Path) -> None:
    config = parsed(f'[authorizers."{name}"]\n{OPEN}', tmp_path)
    arn = config.function_arn(config.authorizers[name])
    assert arn.startswith("arn:aws:lambda:us-east-1:123456789012:function:")
    assert len(arn.split(":")) == 7


def test_the_sample_is_a_configuration_and_stays_as_it_was_changed(tmp_path: Path) -> None:
    folder = tmp_path / "sample"
    sample = write_sample(folder)
    config = load_config(sample.config_file)
    assert {name: authorizer.active for name, authorizer in config.authorizers.items()} == {
        "signed-sample": True,
        "unsigned-sample": True,
    }
    assert sample.private_key_file.stat().st_mode & 0o777 == 0o600
    sample.function_file.write_text("changed")
    before: dict[Path, Any] = {file: file.read_bytes() for file in folder.iterdir()}
    write_sample(folder)
    assert before == {file: file.read_bytes() for file in folder.iterdir()}
