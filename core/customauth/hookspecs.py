"""The hooks that a plug-in may implement. A plug-in is a module with functions marked ``@customauth.hookimpl``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import pluggy

from customauth.backend import Backend
from customauth.connection import Connection
from customauth.errors import ConnectError
from customauth.request import ConnectRequest

if TYPE_CHECKING:
    from customauth.compare.scenario import Scenario
    from customauth.gateway.runtimes.contract import FunctionSpec, Runtime
    from customauth.session_state import SessionState
    from customauth.sessions import Session

PROJECT = "customauth"

hookspec: pluggy.HookspecMarker = pluggy.HookspecMarker(PROJECT)
hookimpl: pluggy.HookimplMarker = pluggy.HookimplMarker(PROJECT)


@hookspec
def customauth_backend() -> Backend:  # type: ignore[empty-body]
    """Return the backend that this module brings (entry-point group ``customauth.backends``)."""


@hookspec
def customauth_before_connect(request: ConnectRequest, backend: Backend) -> None:
    """Observe an attempt that is about to be made. Raising an exception cancels it.

    Observers (group ``customauth.plugins``) are called on the event loop and must not block.
    """


@hookspec
def customauth_after_connect(request: ConnectRequest, connection: Connection) -> None:
    """Observe an attempt that was accepted. Raising an exception costs a line of warning."""


@hookspec
def customauth_connect_failed(request: ConnectRequest, error: ConnectError) -> None:
    """Observe an attempt that failed. Raising an exception costs a line of warning."""


@hookspec
def customauth_session_state(session: Session, state: SessionState) -> None:
    """Observe a change of what a session is doing. Raising an exception costs a line of warning."""


@hookspec(firstresult=True)
def customauth_authorizer_runtime(spec: FunctionSpec) -> Runtime | None:
    """Return what runs a function of the form ``scheme:rest`` for the gateway, `None` for a scheme of another's.

    Asked (group ``customauth.plugins``) when the gateway reads its configuration; ``spec.scheme`` is the scheme and
    ``spec.function.text`` the whole text. Nothing is to be started before the first invocation. Raise `ValueError`
    for a text that is not right; its message is shown with the place in the configuration.
    """


@hookspec
def customauth_comparison_scenarios() -> Iterable[Scenario]:  # type: ignore[empty-body]
    """Return scenarios for ``customauth compare`` (group ``customauth.plugins``), each a `compare.Scenario`.

    Asked when a comparison is planned. Every backend is put through them as through the bundled ones.
    """
