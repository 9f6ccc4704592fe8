"""Finding and loading plug-ins: listing imports nothing, choosing one loads one, a broken one harms no other."""

from __future__ import annotations

import functools
import logging
import re
from collections.abc import Callable, Iterable
from importlib import metadata
from typing import TYPE_CHECKING, Any

import pluggy

from customauth import hookspecs
from customauth.backend import Backend
from customauth.errors import BackendError, BackendNotInstalled, PluginLoadError, UnknownBackend, UnsupportedFeature
from customauth.request import ConnectRequest

if TYPE_CHECKING:
    from customauth.backend_info import BackendInfo
    from customauth.compare.scenario import Scenario
    from customauth.gateway.runtimes.contract import FunctionSpec, Runtime, RuntimeFactory

BACKENDS = "customauth.backends"
"""The entry-point group of backends: its name is the backend's, its value a module with hook implementations."""

PLUGINS = "customauth.plugins"
"""The entry-point group of everything else that a plug-in brings."""

# The default is the first that is installed: the ones that tell every failure at once come first.
_PREFERENCE = ("paho", "gmqtt", "mqttium", "awscrt")

_log = logging.getLogger(__name__)


class PluginManager:
    """One set of plug-ins. An application that embeds customauth may keep its own.

    :param discover: find the plug-ins of installed distributions; without, only those that are registered by hand.
    """

    def __init__(self, *, discover: bool = True) -> None:
        self._pluggy = pluggy.PluginManager(hookspecs.PROJECT)
        self._pluggy.add_hookspecs(hookspecs)
        self._entry_points, self._observers_to_load = _entry_points() if discover else ([], [])
        self._loaded: dict[str, Backend] = {}
        # By backend: a look into a library's metadata takes as long as a TLS handshake.
        self._library_versions: dict[str, str] = {}

    def register(self, plugin: object) -> None:
        """Add a module or object with hook implementations: a backend, observers, or both.

        :raises PluginLoadError: when it is registered already, or its backend has the name of another, or is none.
        """
        if self._pluggy.is_registered(plugin):
            raise PluginLoadError(f"{self._pluggy.get_name(plugin)} is registered already")
        for backend in self._add(plugin):
            problem = _fault(backend) or self._rival(backend)
            if problem:
                self._pluggy.unregister(plugin)
                raise PluginLoadError(problem)
            self._loaded[backend.name] = backend

    def names(self) -> list[str]:
        """Return the names of all backends that could be chosen, the default's candidates first."""
        found = {point.name for point in self._entry_points} | self._loaded.keys()
        return sorted(found, key=lambda name: (name not in _PREFERENCE, *_position(name), name))

    def backend(self, name: str | None = None) -> Backend:
        """Load the backend of that name, or the default: the first of :meth:`names` whose library is installed.

        :raises UnknownBackend: no plug-in brings it.
        :raises BackendNotInstalled: its MQTT library is missing or too old.
        :raises PluginLoadError: the plug-in is broken, or two plug-ins claim the name.
        """
        if name is not None:
            backend = self._load(name)
            self.library_version(backend)
            return backend
        for candidate in self.names():
            try:
                return self.backend(candidate)
            except BackendError as error:
                _log.debug("backend %s is passed over: %s", candidate, error)
        raise BackendNotInstalled('no MQTT library is installed; run: pip install "customauth[paho]"')

    def library_version(self, backend: Backend) -> str:
        """Return the version of a backend's MQTT library.

        :raises BackendNotInstalled: when it is missing or too old, with the pip command.
        """
        version = self._library_versions.get(backend.name)
        if version is None:
            version = self._library_versions[backend.name] = _library_version(backend)
        return version

    def describe(self) -> list[BackendInfo]:
        """Describe every backend, the broken and the missing ones with what is wrong.

        This loads the plug-ins, though none of their MQTT libraries; :meth:`names` loads nothing.
        """
        return [self._describe(name) for name in self.names()]

    def check_features(self, request: ConnectRequest, backend: Backend) -> None:
        """Refuse a request that needs more than the backend declares.

        :raises UnsupportedFeature: naming the backends that could serve it.
        """
        needed = request.needed_features()
        missing = needed - backend.features
        if not missing:
            return
        able = [info.name for info in self.describe() if needed <= info.features]
        raise UnsupportedFeature(
            f"backend {backend.name} cannot do {', '.join(sorted(feature.value for feature in missing))}; "
            + (f"backends that can: {', '.join(able)}" if able else "no backend here can; do without")
        )

    def tell(self, hook: str, **event: object) -> None:
        """Call one hook of each observer by itself: one that fails costs a line of warning and harms no other."""
        for implementation in reversed(getattr(self.observers(), hook).get_hookimpls()):
            try:
                self._alone(hook, implementation.plugin)(**event)
            except Exception as error:  # a stranger's function may raise anything
                _log.warning("%s of plug-in %s failed: %s", hook, implementation.plugin_name, _line(error))

    def observers(self) -> pluggy.HookRelay:
        """Return the observer hooks, the installed plug-ins loaded; a broken one costs a line of warning."""
        while self._observers_to_load:
            point = self._observers_to_load.pop(0)
            try:
                self._add(point.load())
            except Exception as error:  # a stranger's module may raise anything
                _log.warning("plug-in %s of %s is left out: %s", point.name, _origin(point), _line(error))
        return self._pluggy.hook

    def authorizer_runtime(self, spec: FunctionSpec) -> Runtime | None:
        """Ask the plug-ins for the runtime of a function; the first that gives one is it, `None` when none does.

        :raises ValueError: a plug-in failed, or gave something else; it is named.
        """
        hook = "customauth_authorizer_runtime"
        for implementation in reversed(getattr(self.observers(), hook).get_hookimpls()):
            try:
                runtime: Runtime | None = self._alone(hook, implementation.plugin)(spec=spec)
            except Exception as error:  # a stranger's function may raise anything
                culprit = f"plug-in {implementation.plugin_name}"
                raise ValueError(f"{culprit} does not take the function {spec.function}: {_line(error)}") from error
            if runtime is None:
                continue
            if not callable(getattr(runtime, "invoke", None)) or not callable(getattr(runtime, "aclose", None)):
                culprit, kind = implementation.plugin_name, type(runtime).__name__
                raise ValueError(f"plug-in {culprit} gave a {kind}, which has no invoke and aclose; mend the plug-in")
            return runtime
        return None

    def comparison_scenarios(self) -> list[tuple[str, Scenario]]:
        """Return the scenarios that plug-ins bring, each with the plug-in's name; a broken one costs a warning."""
        hook = "customauth_comparison_scenarios"
        found: list[tuple[str, Scenario]] = []
        for implementation in reversed(getattr(self.observers(), hook).get_hookimpls()):
            name = implementation.plugin_name
            try:
                answers = self._alone(hook, implementation.plugin)()
                brought = [scenario for answer in answers for scenario in answer]
                for scenario in brought:
                    _check_scenario(scenario)
            except Exception as error:  # a stranger's function may raise anything
                _log.warning("%s of plug-in %s failed: %s", hook, name, _line(error))
            else:
                found += [(name, scenario) for scenario in brought]
        return found

    def runtime_factory(self, fallback: RuntimeFactory) -> RuntimeFactory:
        """Return what a gateway makes its runtimes with: plug-ins for the schemes of others, `fallback` for the rest.

        Without a function of the form ``scheme:rest`` no plug-in is loaded.
        """

        def make(spec: FunctionSpec) -> Runtime:
            runtime = self.authorizer_runtime(spec) if spec.scheme is not None else None
            return fallback(spec) if runtime is None else runtime

        return make

    def _load(self, name: str) -> Backend:
        if name in self._loaded:
            return self._loaded[name]
        points = [point for point in self._entry_points if point.name == name]
        if not points:
            raise UnknownBackend(f"no backend named {name!r}; installed: {', '.join(self.names()) or 'none'}")
        if len(points) > 1:
            culprits = " and ".join(_origin(point) for point in points)
            raise PluginLoadError(f"two plug-ins claim the backend name {name!r}: {culprits}; uninstall one")
        try:
            plugin = points[0].load()
            backends = self._add(plugin)
        except Exception as error:  # a stranger's module may raise anything
            problem = f"backend {name!r} of {_origin(points[0])} cannot be loaded: {_line(error)}; mend or uninstall it"
            raise PluginLoadError(problem) from error
        faults = [fault for fault in map(_fault, backends) if fault]
        if faults or [backend.name for backend in backends] != [name]:
            self._pluggy.unregister(plugin)
            brought = faults[0] if faults else f"brings {[backend.name for backend in backends] or 'none'}"
            raise PluginLoadError(
                f"{_origin(points[0])} should bring one backend named {name!r}, but {brought}; mend or uninstall it"
            )
        self._loaded[name] = backends[0]
        return backends[0]

    def _add(self, plugin: object) -> list[Backend]:
        """Register a plug-in, unless it is, and return the backends that it brings; leave no half of a broken one."""
        try:
            if not self._pluggy.is_registered(plugin):
                self._pluggy.register(plugin)
            backends: list[Backend] = self._alone("customauth_backend", plugin)()
            return backends
        except Exception:
            if self._pluggy.is_registered(plugin):
                self._pluggy.unregister(plugin)
            raise

    def _alone(self, hook: str, plugin: object) -> Callable[..., Any]:
        """Return the hook as if this plug-in were the only one."""
        others = [other for other in self._pluggy.get_plugins() if other is not plugin]
        return self._pluggy.subset_hook_caller(hook, remove_plugins=others)

    def _rival(self, backend: Backend) -> str | None:
        """Say who else claims the backend's name, None when nobody does."""
        culprits = [_origin(point) for point in self._entry_points if point.name == backend.name]
        if backend.name in self._loaded:
            culprits = culprits or [type(self._loaded[backend.name]).__module__]
        if not culprits:
            return None
        return f"two plug-ins claim the backend name {backend.name!r}: {culprits[0]} and {type(backend).__module__}"

    def _describe(self, name: str) -> BackendInfo:
        from customauth.backend_info import BackendInfo

        point = next((point for point in self._entry_points if point.name == name), None)
        distribution = point.dist if point is not None else None
        where: dict[str, Any] = {
            "name": name,
            "distribution": distribution.name if distribution else "registered by hand",
            "version": distribution.version if distribution else "",
        }
        try:
            backend = self._load(name)
        except BackendError as error:
            return BackendInfo(**where, problem=str(error))
        what: dict[str, Any] = {"library": backend.library, "features": backend.features}
        try:
            return BackendInfo(**where, **what, library_version=self.library_version(backend))
        except BackendNotInstalled as error:
            return BackendInfo(**where, **what, problem=str(error))


@functools.cache
def default_manager() -> PluginManager:
    """Return the manager that is used where none is given, made at its first use."""
    return PluginManager()


def _entry_points() -> tuple[list[metadata.EntryPoint], list[metadata.EntryPoint]]:
    """List those of both groups, in one look at what is installed; a distribution twice on the path counts once."""
    found = metadata.entry_points()
    return list(found.select(group=BACKENDS)), list(found.select(group=PLUGINS))


def _origin(point: metadata.EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else point.value


def _line(error: Exception) -> str:
    """Put an error of a stranger's into one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())


def _fault(backend: object) -> str | None:
    """Say what keeps an object from being used as a backend, None when nothing does."""
    if not isinstance(backend, Backend):
        kind = f"the class {backend.__name__}" if isinstance(backend, type) else f"a {type(backend).__name__}"
        return f"its customauth_backend gives {kind}, not an instance of customauth.Backend"
    missing = [attribute for attribute in ("name", "library") if not getattr(backend, attribute, "")]
    if not isinstance(getattr(backend, "features", None), frozenset):
        missing.append("features (a frozenset)")
    return f"its {type(backend).__name__} lacks {' and '.join(missing)}" if missing else None


def _check_scenario(scenario: object) -> None:
    """Refuse what cannot be used as a scenario.

    :raises PluginLoadError: what it is, or lacks.
    """
    from customauth.compare.scenario import Scenario

    if not isinstance(scenario, Scenario):
        kind = f"the class {scenario.__name__}" if isinstance(scenario, type) else f"a {type(scenario).__name__}"
        raise PluginLoadError(f"it gives {kind}, not an instance of customauth.compare.Scenario")
    missing = [name for name in ("name", "title", "description", "kind") if not getattr(scenario, name, "")]
    if missing:
        raise PluginLoadError(f"its {type(scenario).__name__} lacks {' and '.join(missing)}")


def _position(name: str) -> Iterable[int]:
    return [_PREFERENCE.index(name)] if name in _PREFERENCE else []


def _library_version(backend: Backend) -> str:
    """Return the version of the backend's MQTT library.

    :raises BackendNotInstalled: when it is missing or too old, with the pip command.
    """
    wanted = backend.extra or backend.library
    try:
        version = metadata.version(backend.library)
    except metadata.PackageNotFoundError:
        raise BackendNotInstalled(
            f'backend {backend.name} needs {backend.library}, which is not installed; run: pip install "{wanted}"'
        ) from None
    if _release(version) < backend.minimum:
        least = ".".join(map(str, backend.minimum))
        raise BackendNotInstalled(
            f"backend {backend.name} needs {backend.library} {least} or later, but {version} is installed; "
            f'run: pip install --upgrade "{wanted}"'
        )
    return version


def _release(version: str) -> tuple[int, ...]:
    """Return the numbers of a release, at least three, without what marks it as a pre-release or local one."""
    match = re.match(r"(?:\d+!)?(\d+(?:\.\d+)*)", version)
    numbers = [int(number) for number in match[1].split(".")] if match else []
    return (*numbers, *[0] * (3 - len(numbers)))
