"""Which scenarios there are: the bundled ones, and those of plug-ins."""

from __future__ import annotations

from customauth import PluginLoadError, PluginManager
from customauth.compare.scenario import Scenario
from customauth.compare.scenarios import bundled


def known_scenarios(plugins: PluginManager | None = None) -> tuple[Scenario, ...]:
    """Return every scenario, the bundled ones first, then those of ``customauth_comparison_scenarios``.

    :param plugins: those of the installed distributions unless given.
    :raises PluginLoadError: two scenarios have one name; both origins are named.
    """
    brought = [("customauth", scenario) for scenario in bundled()]
    brought += (plugins or PluginManager()).comparison_scenarios()
    origins: dict[str, str] = {}
    for origin, scenario in brought:
        if scenario.name in origins:
            culprits = f"{origins[scenario.name]} and {origin}"
            raise PluginLoadError(f"two scenarios are named {scenario.name!r}: of {culprits}; uninstall one")
        origins[scenario.name] = origin
    return tuple(scenario for _, scenario in brought)
