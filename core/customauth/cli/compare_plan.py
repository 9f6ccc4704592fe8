"""What ``customauth compare`` is asked to run: its options as a plan."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from customauth.cli.credentials import take_credentials
from customauth.cli.misuse import Misuse
from customauth.cli.options import VERSIONS, take_endpoint
from customauth.endpoint import Transport

if TYPE_CHECKING:
    from customauth.compare import Plan, Scenario


def plan_of(endpoint: str | None, options: dict[str, Any]) -> Plan:
    """Take the options that say what is run.

    :raises BackendError: a backend cannot be loaded, or there is none.
    :raises Misuse: there is no such scenario, or an option is for an ENDPOINT and there is none.
    """
    from customauth import BackendNotInstalled, PluginManager
    from customauth.compare import Plan

    plugins = PluginManager()
    for name in options["backends"]:
        plugins.backend(name)
    usable = tuple(info.name for info in plugins.describe() if info.problem is None)
    chosen = tuple(dict.fromkeys(options.pop("backends"))) or usable
    if not chosen:
        raise BackendNotInstalled('no MQTT library is installed; run: pip install "customauth[all]"')
    common: dict[str, Any] = {
        "backends": chosen,
        "scenarios": _chosen_scenarios(options.pop("scenarios"), plugins, quick=options["quick"]),
        "rounds": options.pop("rounds"),
        "quick": options.pop("quick"),
        "raw": not options.pop("no_raw"),
        "timeout": options.pop("timeout"),
        "environment": options.pop("environment"),
        "plugins": plugins,
    }
    if protocols := options.pop("protocols"):
        common["versions"] = tuple(VERSIONS[name] for name in dict.fromkeys(protocols))
    if transports := options.pop("transports"):
        common["transports"] = tuple(Transport(name) for name in dict.fromkeys(transports))
    if endpoint is None:
        _refuse_needless(options)
        return Plan(**common)
    if topic := options.pop("topic"):
        common["topic"] = topic
    credentials = take_credentials(options)
    return Plan(endpoint=take_endpoint(options, endpoint), credentials=credentials, **common)


def _chosen_scenarios(names: tuple[str, ...], plugins: Any, *, quick: bool) -> tuple[Scenario, ...]:
    from customauth.compare import known_scenarios

    known = {scenario.name: scenario for scenario in known_scenarios(plugins)}
    for name in names:
        if name not in known:
            raise Misuse(f"there is no scenario {name!r}", f"take of these: {', '.join(known)}")
    if names:
        return tuple(scenario for scenario in known.values() if scenario.name in names)
    return tuple(scenario for scenario in known.values() if scenario.quick or not quick)


def _refuse_needless(options: dict[str, Any]) -> None:
    """Refuse what would be ignored: the local gateway comes with its own credentials and CA."""
    needless = [name for name, value in options.items() if value]
    if needless:
        raise Misuse(
            f"--{needless[0].replace('_', '-')} is for an ENDPOINT, and none is given",
            "give the ENDPOINT (HOST[:PORT]), or leave the option out to use the local gateway",
        )
