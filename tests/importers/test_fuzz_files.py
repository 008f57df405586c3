"""Damaged models of every kind: a command works, or says one message; the long form is a script."""

from pathlib import Path

import pytest

from tests.importers.damage import DAMAGES
from tests.importers.fuzz_files import FIXTURES, Case, made, run

CASES = 5 * len(FIXTURES)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every model, undamaged."""
    return made(tmp_path_factory.mktemp("whole"))


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """No certificate is made here, which takes a process, and no network is asked."""
    monkeypatch.setattr("synthcli.jobs.export.export.prove", lambda *what: {"holds": True})
    monkeypatch.setattr("synthcli.cli.export.show_export", lambda exported: None)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.delenv("SYNTH_STORES", raising=False)
    monkeypatch.delenv("SYNTH_RUNS", raising=False)


def test_there_is_what_to_damage_and_how() -> None:
    assert len(FIXTURES) >= 9 and len(DAMAGES) >= 7


@pytest.mark.parametrize("name", FIXTURES)
def test_an_undamaged_model_works(name: str, whole: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    for number, words in enumerate(FIXTURES[name].commands):
        model = str(whole / name)
        ended = run(tuple(word.replace("{}", model).replace("out", f"out{number}") for word in words))
        assert ended.code == 0, ended.err


@pytest.mark.slow
@pytest.mark.parametrize("number", range(CASES))
def test_a_damaged_model_works_or_gives_one_message(number: int, whole: Path, tmp_path: Path) -> None:
    assert Case(seed=1, number=number).outcome(whole, tmp_path) in ("worked", "refused")
