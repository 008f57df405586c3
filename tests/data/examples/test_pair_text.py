"""Language modelling on pairs: the source is read, the target predicted, the loss of nothing else."""

import numpy as np
import pytest

from synthcli.data.examples.examples import IGNORED, Examples
from synthcli.data.prepare.prepare_store import prepare_store
from synthcli.data.store.store import Store
from synthcli.errors import SynthError
from tests.data.small import BYTES

PAIRS = (("ab", "xyz"), ("abcdefghij", "vw"), ("", "q r"), ("abc", "opqrstuvwxyz"))
PAD, BOS, EOS = 0, 1, 2


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    folder = tmp_path_factory.mktemp("pairs")
    for split in ("train", "valid", "test"):
        for side, column in (("src", 0), ("tgt", 1)):
            text = "\n".join(pair[column] for pair in PAIRS) + "\n"
            (folder / f"{split}.{side}").write_text(text)
    return prepare_store("parallel:source=src,target=tgt", BYTES, folder / "stores", folder)


def shown(store: Store, max_target: int) -> list[tuple[str, str]]:
    """Return what each row is given and asked for, ignored targets as dots."""
    examples = Examples(store, "train", "causal-lm", max_target=max_target)
    letters = {PAD: "_", BOS: "<", EOS: ">", IGNORED: "."}
    batch = examples.collate(np.arange(len(examples)))

    def written(name: str, row: int) -> str:
        ids = [int(number) for number in batch[name][row, : examples.lengths[row]]]
        return "".join(letters.get(one) or store.tokenizer.decode([one]) for one in ids)

    return [(written("tokens", row), written("targets", row)) for row in range(len(PAIRS))]


def test_the_target_is_predicted_after_the_source_and_its_end(store: Store) -> None:
    assert shown(store, 32) == [
        ("<ab>xyz", "...xyz>"),
        ("<abcdefghij>vw", "...........vw>"),
        ("<>q r", ".q r>"),
        ("<abc>opqrstuvwxyz", "....opqrstuvwxyz>"),
    ]


def test_what_is_too_long_loses_the_beginning_of_its_source_first(store: Store) -> None:
    assert shown(store, 8) == [
        ("<ab>xyz", "...xyz>"),
        ("<ghij>vw", ".....vw>"),
        ("<>q r", ".q r>"),
        ("<>opqrst", ".opqrst>"),
    ]
    report = Examples(store, "train", "causal-lm", max_target=8).report
    assert (report.truncated_sources, report.truncated_targets) == (2, 1)


def test_words_and_bytes_are_those_that_are_predicted(store: Store) -> None:
    rows = np.arange(len(PAIRS))
    whole, cut = (Examples(store, "train", "causal-lm", max_target=n) for n in (32, 8))
    assert whole.words(rows).tolist() == [2, 2, 3, 2]
    assert whole.bytes(rows).tolist() == [4, 3, 4, 13]
    assert cut.bytes(rows).tolist() == [4, 3, 4, 7]


def test_pairs_are_not_joined_to_one_text(store: Store) -> None:
    with pytest.raises(SynthError) as error:
        Examples(store, "train", "causal-lm", max_target=8, layout="packed")
    assert (
        error.value.message == f"`data.layout = packed` is of running text, and `{store.corpus}` holds pairs"
    )
