"""Every line that a page shows is carried out in its order, in a folder of its own, as a reader would."""

import shutil
from pathlib import Path

import pytest

from .conftest import Synth
from .docs_lines import PAGES, lines_of
from .page_readers import NOT_HERE, PREPARED, fill, shorten
from .test_docs_lines import FOLLOWED

pytestmark = pytest.mark.slow

SHOWN = {
    page: [line for line in lines_of(page) if line.words[0] == "synth" and not line.is_in_sentence]
    for page in PAGES
    if page not in FOLLOWED
}


@pytest.mark.parametrize("page", [page for page, lines in SHOWN.items() if lines])
def test_a_page_can_be_followed(page: str, synth: Synth, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(here))

    def run(*words: str) -> None:
        said = synth(*words)
        assert said.code == 0, f"{' '.join(words)}\n{said.out}{said.err}"

    if page in PREPARED:
        PREPARED[page](here, run)
    for line in SHOWN[page]:
        if " ".join(line.words) not in NOT_HERE:
            run(*shorten(fill(line.words[1:], page, here)))
            if line.words[1:3] == ("corpora", "pack"):  # the pack goes to a machine that has no data
                shutil.rmtree(here / "data")


def test_lines_that_are_not_carried_out_are_shown_somewhere() -> None:
    shown = {" ".join(line.words) for lines in SHOWN.values() for line in lines}
    assert NOT_HERE.keys() <= shown
