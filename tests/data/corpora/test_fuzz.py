"""Mutated files of every reader: a store that verifies, or one message; the long form is a script."""

from pathlib import Path

import pytest

from synthcli.data.corpora import CORPORA
from synthcli.data.prepare.prepare_store import prepare_store
from tests.data.corpora.fuzz_readers import Case
from tests.data.corpora.reader_fixtures import FIXTURES
from tests.data.small import BYTES

CASES = len(FIXTURES) + 8


def test_every_reader_has_a_fixture() -> None:
    read = {name.partition(":")[0] for name, _ in FIXTURES}
    assert read == {name for name, corpus in CORPORA.items() if not corpus.builtin}


@pytest.mark.slow
@pytest.mark.parametrize("number", range(len(FIXTURES)))
def test_an_untouched_fixture_prepares(number: int, tmp_path: Path) -> None:
    corpus, make = FIXTURES[number]
    store = prepare_store(corpus, BYTES, tmp_path / "stores", make(tmp_path / "source"))
    assert store.rows("train") > 0


@pytest.mark.slow
@pytest.mark.parametrize("number", range(CASES))
def test_a_mutated_file_gives_a_store_or_a_message(number: int, tmp_path: Path) -> None:
    assert Case(seed=1, number=number).outcome(tmp_path) in ("store", "refused")
