"""`customauth connect` loads what this one connection uses, and nothing else: most of what it takes is loading."""

from __future__ import annotations

from itertools import takewhile

from commands import features, installed_backends
from customauth import Feature
from loaded import loaded_by
from needs import needs_backend

# By backend: the packages of its MQTT library.
LIBRARIES = {"awscrt": {"awscrt", "awsiot"}, "gmqtt": {"gmqtt"}, "mqttium": {"mqttium"}, "paho": {"paho"}}

# The default is the first of them that is installed.
PREFERENCE = ("paho", "gmqtt", "mqttium", "awscrt")

# What other commands, other transports and other ways to authenticate need.
UNUSED_PACKAGES = {
    "boto3",
    "botocore",
    "cryptography",
    "customauth.compare",
    "customauth.doctor",
    "customauth.gateway",
    "customauth.rules",
    "customauth.sync",
    "customauth.testing",
    "h11",
    "python_socks",
    "rich",
    "websockets",
}
UNUSED_MODULES = {
    "customauth.backend_info",
    "customauth.cli.failures",
    "customauth.client_certificate",
    "customauth.comparison_client",
    "customauth.keeping",
    "customauth.outbox",
    "customauth.proxy",
    "customauth.session_state",
    "customauth.sessions",
    "customauth.signing",
    "customauth.subscription",
    "customauth.upgrade",
    "customauth.will",
}

# Of the codec: what a CONNACK is read with where the library loses some of it.
CONNACK_READERS = {f"customauth.mqtt.{room}" for room in ("connack", "framing", "properties", "protocol", "wire")}


def _beneath(loaded: set[str], packages: set[str]) -> set[str]:
    return {module for module in loaded for package in packages if f"{module}.".startswith(f"{package}.")}


def _of_the_others(loaded: set[str], backend: str) -> set[str]:
    names = {f"customauth_{other}" for other in LIBRARIES if other != backend}
    libraries = {package for other, packages in LIBRARIES.items() if other != backend for package in packages}
    return _beneath(loaded, names | libraries)


def test_a_connect_loads_its_backend_and_no_other(login: list[str], backend_name: str) -> None:
    loaded = loaded_by("connect", "--backend", backend_name, *login)
    assert f"customauth_{backend_name}" in loaded
    assert loaded & LIBRARIES[backend_name]
    assert _of_the_others(loaded, backend_name) == set()


@needs_backend
def test_the_default_backend_is_found_without_loading_another(login: list[str]) -> None:
    first = installed_backends()[0]
    loaded = loaded_by("connect", *login)
    assert f"customauth_{first}" in loaded
    # Those that come before it name their libraries, which are not there.
    before = takewhile(lambda name: name != first, PREFERENCE)
    assert _of_the_others(loaded, first) <= {f"customauth_{name}" for name in before}


def test_a_connect_loads_nothing_that_it_does_not_use(login: list[str], backend_name: str) -> None:
    loaded = loaded_by("connect", "--backend", backend_name, *login)
    assert "customauth.connecting" in loaded
    assert _beneath(loaded, UNUSED_PACKAGES) == set()
    assert loaded & UNUSED_MODULES == set()


def test_of_the_codec_a_connect_loads_at_most_what_reads_a_connack(login: list[str], backend_name: str) -> None:
    loaded = loaded_by("connect", "--backend", backend_name, *login)
    assert _beneath(loaded, {"customauth.mqtt"}) - {"customauth.mqtt"} <= CONNACK_READERS


def test_what_an_option_asks_for_is_loaded_with_it(login: list[str], backend_name: str) -> None:
    wanted = ["--will-topic", "sample/gone"]
    modules = {"customauth.will"}
    if Feature.WEBSOCKET in features(backend_name):
        wanted += ["--transport", "wss"]
        modules |= {"customauth.upgrade"}
    assert modules <= loaded_by("connect", "--backend", backend_name, *wanted, *login)
