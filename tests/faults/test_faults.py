"""A few refused writes of every verb; `python -m tests.faults.inject` refuses hundreds."""

import errno
import random
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch

from tests.faults import verbs
from tests.faults.inject import Bench, Fault, faults_of
from tests.faults.verbs import VERBS

pytestmark = pytest.mark.slow

# torch's and ONNX's own exporters take seconds; the way to the disk is the same for all that they write
SLOW = ("export onnx", "export hf with code")
CALLS = ["open", "open", "write", "sync", "rename"]
PROOF = '{"holds": true, "reasons": [], "greedy": {"agreement": 1, "tokens": 0}, "max_difference": 0, '
PROOF += '"allowed_difference": 0, "latency": {}}'


class Proved(dict[tuple[str, ...], str]):
    """Every export counts as proved: no process is started."""

    def __contains__(self, key: object) -> bool:
        return True

    def __missing__(self, key: tuple[str, ...]) -> str:
        return PROOF


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(verbs, "KNOWN", Proved())
        yield Bench(tmp_path_factory.mktemp("faults"))
    torch.set_num_threads(threads)


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb not in SLOW])
def test_a_refused_write_is_one_message_and_nothing_is_lost(bench: Bench, verb: str) -> None:
    whole = bench.whole(verb)
    for fault in faults_of(verb, whole, random.Random(verb), 1):
        wrong, call = bench.tried(fault, whole)
        assert wrong == [], f"{fault}, {call}"


def test_the_injector_notices_what_it_is_for(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file written in place is left cut short, and a library's own error would be a traceback."""

    @contextmanager
    def of_a_library(*what: object) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise RuntimeError("file write failed") from error

    whole = bench.whole("presets cp")
    assert [kind for kind, _ in whole.calls if kind != "lock"] == CALLS
    monkeypatch.setattr("synthcli.cli.presets.write_text", lambda path, text: path.write_text(text))
    wrong, call = bench.tried(Fault("presets cp", errno.ENOSPC, 2), whole)
    assert call == str(("write", str(bench.root / "mine.toml")))
    assert wrong == [
        (
            "the same command again fails: error: `mine.toml` exists already\n"
            "hint: choose another file with `-o FILE`\n"
        )
    ]
    monkeypatch.setattr("synthcli.cli.presets.guard_write", of_a_library)
    wrong, _ = bench.tried(Fault("presets cp", errno.ENOSPC, 2), whole)
    assert wrong == ["RuntimeError: file write failed"]
