"""Where something that is said holds: in which environments, on which protocol versions, over which transports."""

from __future__ import annotations

from collections.abc import Collection

from attrs import frozen

# So many settings are named by themselves.
_MOST = 2


@frozen
class Setting:
    """An environment's id, a protocol version and a transport."""

    environment: str
    version: str
    transport: str


def is_told(holds: Collection[Setting], judged: Collection[Setting]) -> bool:
    """Say whether what holds in some of the settings is worth a word, and not chance in one of many comparisons.

    It is when it holds in half of them, or in every environment on some versions and transports.
    """
    holding = set(holds)
    if not holding or 2 * len(holding) >= len(set(judged)):
        return bool(holding)
    return holding == _block(holding, judged) and len({each.environment for each in holding}) == len(
        {each.environment for each in judged}
    )


def where(holds: Collection[Setting], measured: Collection[Setting]) -> str:
    """Return in which of the settings that were measured something holds, empty when in all of them.

    It is named: where it holds, or where it does not. Where both would be many they are counted.
    """
    holding, all_of_them = frozenset(holds), frozenset(measured)
    if holding >= all_of_them:
        return ""
    if holding == _block(holding, all_of_them):
        return _named(holding, all_of_them)
    left = all_of_them - holding
    if left == _block(left, all_of_them):
        return f"not {_named(left, all_of_them)}"
    if min(len(holding), len(left)) > _MOST:
        return f"in {len(holding)} of {len(all_of_them)} settings"
    few = holding if len(holding) <= _MOST else left
    texts = sorted(_named({each}, all_of_them) for each in few)
    return f"{'' if few is holding else 'not '}{' and '.join(texts)}"


def _named(holding: Collection[Setting], all_of_them: Collection[Setting]) -> str:
    """Name settings that are a block of all of them."""
    environments = {each.environment for each in holding}
    versions = {each.version for each in holding}
    transports = {each.transport for each in holding}
    parts = []
    if versions != {each.version for each in all_of_them}:
        parts.append(f"MQTT {' and '.join(sorted(versions, reverse=True))}")
    if transports != {each.transport for each in all_of_them}:
        parts.append(f"over {' and '.join(sorted(transports))}")
    if environments != {each.environment for each in all_of_them}:
        parts.append(f"in {' and '.join(sorted(environments))}")
    return " ".join(parts)


def _block(holds: Collection[Setting], judged: Collection[Setting]) -> set[Setting]:
    """Return all settings with an environment, a version and a transport that occur among some."""
    environments = {each.environment for each in holds}
    versions = {each.version for each in holds}
    transports = {each.transport for each in holds}
    return {
        each
        for each in judged
        if each.environment in environments and each.version in versions and each.transport in transports
    }
