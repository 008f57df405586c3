"""How often a native kernel ran: what passes without one has shown nothing."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

from synthcli.kernels.library import Library


@contextmanager
def counting() -> Iterator[Counter[str]]:
    """Count the calls of kernels that succeed, by the kind of their library."""
    calls, run = Counter[str](), Library.run

    def count(library: Library, *arguments: Any) -> None:
        run(library, *arguments)
        calls[library.kind] += 1

    with mock.patch.object(Library, "run", count):
        yield calls
