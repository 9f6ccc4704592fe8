"""Domain configurations in the configuration file: what they may say, and what selects them."""

from __future__ import annotations

from pathlib import Path

import pytest

from customauth.gateway import (
    ApplicationProtocol,
    AuthenticationType,
    ConfigError,
    DomainConfiguration,
    GatewayConfig,
)
from customauth.gateway.config_parse import parse_config

AUTHORIZER = '[authorizers.pumps]\nfunction = "auth.py:handler"\nsigning_disabled = true\n'
LEGAL_PAIRS = {
    ("AWS_X509", "SECURE_MQTT"),
    ("AWS_X509", "HTTPS"),
    ("CUSTOM_AUTH_X509", "SECURE_MQTT"),
    ("CUSTOM_AUTH_X509", "HTTPS"),
    ("AWS_SIGV4", "MQTT_WSS"),
    ("AWS_SIGV4", "HTTPS"),
    ("CUSTOM_AUTH", "SECURE_MQTT"),
    ("CUSTOM_AUTH", "MQTT_WSS"),
    ("CUSTOM_AUTH", "HTTPS"),
    ("DEFAULT", "DEFAULT"),
}


@pytest.fixture(autouse=True)
def function(tmp_path: Path) -> None:
    """Write the file of the authorizer's function."""
    (tmp_path / "auth.py").write_text("def handler(event, context): ...")


def parsed(domains: str, folder: Path) -> GatewayConfig:
    names = '[gateway]\nnames = ["localhost", "other.test"]\n'
    return parse_config(names + AUTHORIZER + domains, file=folder / "gateway.toml")


def problem(domains: str, folder: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        parsed(domains, folder)
    return str(caught.value).removeprefix(f"{folder / 'gateway.toml'} line {caught.value.line}: ")


def table(name: str, lines: str = "", *, server_name: str = "wss.test") -> str:
    return f'[domain_configurations.{name}]\nserver_name = "{server_name}"\n{lines}'


@pytest.mark.fact("A53", "A58")
def test_everything_that_is_said_is_taken(tmp_path: Path) -> None:
    lines = """
        authentication_type = "CUSTOM_AUTH"
        application_protocol = "MQTT_WSS"
        default_authorizer = "pumps"
        allow_authorizer_override = false
        status = "DISABLED"
    """
    assert parsed(table("wss-only", lines, server_name="WSS.example.TEST"), tmp_path).domain_configurations == (
        DomainConfiguration(
            name="wss-only",
            server_name="wss.example.test",
            authentication_type=AuthenticationType.CUSTOM_AUTH,
            application_protocol=ApplicationProtocol.MQTT_WSS,
            default_authorizer="pumps",
            allow_authorizer_override=False,
            enabled=False,
        ),
    )


@pytest.mark.fact("A53", "A61")
def test_what_is_left_out_is_default_and_enabled(tmp_path: Path) -> None:
    (domain,) = parsed(table("plain"), tmp_path).domain_configurations
    assert domain == DomainConfiguration(name="plain", server_name="wss.test")
    assert (domain.authentication_type, domain.application_protocol) == (
        AuthenticationType.DEFAULT,
        ApplicationProtocol.DEFAULT,
    )
    assert (domain.default_authorizer, domain.allow_authorizer_override, domain.enabled) == (None, True, True)


@pytest.mark.fact("A54", "A63")
@pytest.mark.parametrize("protocol", ["SECURE_MQTT", "MQTT_WSS", "HTTPS", "DEFAULT"])
@pytest.mark.parametrize("kind", ["CUSTOM_AUTH_X509", "CUSTOM_AUTH", "AWS_X509", "AWS_SIGV4", "DEFAULT"])
def test_the_pairs_of_aws_are_legal_and_no_others(kind: str, protocol: str, tmp_path: Path) -> None:
    text = table("pair", f'authentication_type = "{kind}"\napplication_protocol = "{protocol}"\n')
    if (kind, protocol) in LEGAL_PAIRS:
        (domain,) = parsed(text, tmp_path).domain_configurations
        assert (domain.authentication_type.value, domain.application_protocol.value) == (kind, protocol)
    else:
        legal = {other for one, other in LEGAL_PAIRS if one == kind}
        message = problem(text, tmp_path)
        assert message.startswith(f"domain_configurations.pair.application_protocol: {protocol} does not go with ")
        assert set(message.partition("legal for it: ")[2].removesuffix(" (A54)").split(", ")) == legal


@pytest.mark.fact("A54")
@pytest.mark.parametrize("line", ['authentication_type = "CUSTOM_AUTH"', 'application_protocol = "HTTPS"'])
def test_half_a_pair_goes_with_default_and_is_refused(line: str, tmp_path: Path) -> None:
    assert "does not go with" in problem(table("half", line), tmp_path)


@pytest.mark.fact("A55", "A56")
def test_a_server_name_selects_its_configuration_whatever_its_case(tmp_path: Path) -> None:
    config = parsed(table("one", server_name="one.test") + table("two", server_name="two.test"), tmp_path)
    assert config.server_names == ("localhost", "other.test", "one.test", "two.test")
    for name, domain in (("ONE.test", "one"), ("two.TEST", "two")):
        selected = config.domain(name)
        assert selected is not None
        assert (selected.name, selected.server_name) == (domain, name.lower())
    for name in ("localhost", "Other.Test"):
        assert config.domain(name) == DomainConfiguration(name="iot:Data-ATS", server_name=name.lower())
    assert config.domain("three.test") is None


@pytest.mark.fact("A61")
def test_a_disabled_configuration_is_still_selected(tmp_path: Path) -> None:
    domain = parsed(table("off", 'status = "DISABLED"'), tmp_path).domain("wss.test")
    assert domain is not None
    assert not domain.enabled


@pytest.mark.fact("A61")
def test_there_are_at_most_10_configurations(tmp_path: Path) -> None:
    texts = [table(f"d{number}", server_name=f"d{number}.test") for number in range(11)]
    assert len(parsed("".join(texts[:10]), tmp_path).domain_configurations) == 10
    assert problem("".join(texts), tmp_path) == "domain_configurations: there are 11; AWS takes 10 (A61)"


@pytest.mark.fact("A58")
@pytest.mark.parametrize("override", ["true", "false"])
def test_the_override_flag_is_needed_with_a_default_authorizer_only(override: str, tmp_path: Path) -> None:
    default, flag = 'default_authorizer = "pumps"\n', f"allow_authorizer_override = {override}\n"
    for lines in (default + flag, flag):
        (domain,) = parsed(table("a", lines), tmp_path).domain_configurations
        assert domain.allow_authorizer_override == (override == "true")
    message = problem(table("a", default), tmp_path)
    assert message.startswith("domain_configurations.a.allow_authorizer_override: say true or false")
    assert message.endswith("(A58)")


@pytest.mark.parametrize("name", ["a", "a.b:c-d_e", "1" * 128])
def test_a_name_of_legal_characters_is_taken(name: str, tmp_path: Path) -> None:
    assert parsed(table(f'"{name}"'), tmp_path).domain_configurations[0].name == name


@pytest.mark.fact("A53", "A56", "A58", "A61")
@pytest.mark.parametrize(
    ("text", "place", "says"),
    [
        (
            table('"iot:Data-ATS"'),
            "domain_configurations.'iot:Data-ATS'",
            "cannot be changed; choose another name (A56)",
        ),
        (table('"IoT:own"'), "domain_configurations.'IoT:own'", "reserved; choose another (A61)"),
        (table('"a b"'), "domain_configurations.'a b'", "1 to 128 letters, digits"),
        (table('""'), "domain_configurations.''", "1 to 128 letters, digits"),
        (table("a" * 129), f"domain_configurations.{'a' * 129}", "1 to 128 letters, digits"),
        ("[domain_configurations.a]\n", "domain_configurations.a.server_name", "which name clients ask for"),
        (table("a", server_name="LOCALHOST"), "domain_configurations.a.server_name", "is in gateway.names already"),
        (
            table("a") + table("b", server_name="WSS.test"),
            "domain_configurations.b.server_name",
            "wss.test is in domain_configurations.a already",
        ),
        (table("a", server_name="10.0.0.1"), "domain_configurations.a.server_name", "an address"),
        (table("a", server_name="*.test"), "domain_configurations.a.server_name", "a host name of ASCII letters"),
        (table("a", 'authentication_type = "X"'), "domain_configurations.a.authentication_type", "or DEFAULT (A53)"),
        (table("a", "authentication_type = 1"), "domain_configurations.a.authentication_type", "a text in quotes"),
        (
            table("a", 'application_protocol = "MQTT"'),
            "domain_configurations.a.application_protocol",
            "or DEFAULT (A53)",
        ),
        (
            table("a", 'default_authorizer = "b"\nallow_authorizer_override = true'),
            "domain_configurations.a.default_authorizer",
            "there is no authorizer 'b'; there are pumps",
        ),
        (table("a", 'status = "ACTIVE"'), "domain_configurations.a.status", "write ENABLED or DISABLED (A61)"),
        (table("a", "port = 1"), "domain_configurations.a.port", "unknown; known here: allow_authorizer_override, app"),
    ],
)
def test_a_mistake_is_named_with_its_place_and_mend(text: str, place: str, says: str, tmp_path: Path) -> None:
    message = problem(text, tmp_path)
    assert message.startswith(f"{place}: ")
    assert says in message
