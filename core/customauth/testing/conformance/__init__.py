"""The conformance kit for backends. It is all that a backend's author needs (extra ``testing``)::

    from customauth.testing.conformance import BackendConformance

    class TestMyBackend(BackendConformance):
        @pytest.fixture
        def backend(self):
            return MyBackend()

Each feature is tested both ways: what is declared works, what is not is refused before anything is dialled. What goes
wrong is in one table, :data:`customauth.testing.conformance.table.FAILURES`. Tests make their own event loops.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from customauth._lazy import lazy_names

if TYPE_CHECKING:
    from customauth.testing.conformance.whole import BackendConformance as BackendConformance

__all__ = ["BackendConformance"]

# The comparison takes the table from here where pytest is not installed.
__getattr__: Callable[[str], object] = lazy_names(__name__, {"whole": ("BackendConformance",)})
