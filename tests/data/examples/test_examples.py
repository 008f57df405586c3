"""Examples: every token predicted once, nothing lost unseen, batches as the tasks expect them."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from synthcli.data.examples.collate import pad_rows
from synthcli.data.examples.examples import IGNORED, Batch, Examples, ExamplesReport
from synthcli.data.prepare.prepare_store import prepare_store
from synthcli.data.store.ragged import Ragged
from synthcli.data.store.store import Store
from synthcli.errors import SynthError
from tests.data.small import BYTES, ag_news, multi30k, wikitext

ROWS = ["abcdefg", "", "h", "ijklmnopqrstuvw", "xyz"]
PAD, BOS, EOS = 0, 1, 2


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Store:
    folder = tmp_path_factory.mktemp("text")
    return prepare_store("wikitext-2", BYTES, folder / "stores", wikitext(folder / "data", ROWS))


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Store:
    folder = tmp_path_factory.mktemp("pairs")
    return prepare_store("multi30k", BYTES, folder / "stores", multi30k(folder / "data"))


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Store:
    folder = tmp_path_factory.mktemp("labelled")
    return prepare_store("ag-news", BYTES, folder / "stores", ag_news(folder / "data"))


FIRST_BATCH = """
import sys
from pathlib import Path
from synthcli.data.examples.batches import Batches
from synthcli.data.config import BatchConfig
from synthcli.data.store.store import open_store
from synthcli.jobs.train import Examples
examples = Examples(open_store(Path(sys.argv[1])), "train", "causal-lm", None, 8, layout="packed")
batch = examples.collate(Batches(examples.lengths, BatchConfig(size=2), seed=0).at(0)[1])
print(batch["targets"].shape, *sys.modules)
"""


@pytest.mark.slow
def test_training_starts_without_what_it_does_not_need(text: Store) -> None:
    command = [sys.executable, "-c", FIRST_BATCH, str(text.path)]
    done = subprocess.run(command, cwd=Path(__file__).parents[3], capture_output=True, text=True, check=True)
    shape, _, loaded = done.stdout.partition("]) ")
    assert shape.startswith("torch.Size([2, ")
    assert not set(loaded.split()) & {"datasets", "pandas", "scipy", "nltk", "transformers", "sentencepiece"}


def tensor(batch: Batch, key: str) -> Tensor:
    value = batch[key]
    assert isinstance(value, Tensor)
    return value


def shown(ids: Tensor) -> str:
    """Return ids as text: `^` for bos, `$` for eos, `.` for padding."""
    marks = {PAD: ".", BOS: "^", EOS: "$", IGNORED: "."}
    return "".join(marks.get(i) or chr(i - 4) for i in ids.tolist())


def all_of(examples: Examples) -> Batch:
    return examples.collate(np.arange(len(examples)))


def test_rows_are_cut_into_pieces(text: Store) -> None:
    examples = Examples(text, "train", "causal-lm", max_target=6)
    batch = all_of(examples)
    assert [shown(row) for row in tensor(batch, "tokens")] == [
        *("^abcde", "fg....", "^.....", "^h....", "^ijklm", "nopqrs", "tuvw..", "^xyz.."),
    ]
    assert [shown(row) for row in tensor(batch, "targets")] == [
        *("abcdef", "g$....", "$.....", "h$....", "ijklmn", "opqrst", "uvw$..", "xyz$.."),
    ]
    assert examples.lengths.tolist() == [6, 2, 1, 2, 6, 6, 4, 4]
    assert examples.report == ExamplesReport(rows=5, examples=8, tokens=31, cut=2)
    assert examples.words(np.arange(8)).tolist() == [1.5, 0.5, 1, 2, 0.75, 0.75, 0.5, 2]
    assert examples.bytes(np.arange(8)).tolist() == examples.lengths.tolist()


def test_packed_windows_predict_every_token_once(text: Store) -> None:
    for size in (2, 3, 6, 7, 30, 31, 32, 100):
        batch = all_of(Examples(text, "train", "causal-lm", max_target=size, layout="packed"))
        inputs = "".join(shown(row) for row in tensor(batch, "tokens")).rstrip(".")
        targets = "".join(shown(row) for row in tensor(batch, "targets")).rstrip(".")
        assert targets == "abcdefg$$h$ijklmnopqrstuvw$xyz$"
        assert inputs == "^abcdefg$$h$ijklmnopqrstuvw$xyz"


def test_packed_lengths_and_counts(text: Store) -> None:
    examples = Examples(text, "train", "causal-lm", max_target=10, layout="packed")
    assert examples.lengths.tolist() == [10, 10, 10, 1]
    assert examples.report == ExamplesReport(rows=5, examples=4, tokens=31)
    words = [2 + 1 + 1, 1 + 2 * 9 / 16, 2 * 7 / 16 + 2 * 3 / 4, 2 / 4]
    assert examples.words(np.arange(4)).tolist() == pytest.approx(words)
    assert examples.bytes(np.arange(4)).sum() == examples.counts["bytes"] == 31
    assert sorted(examples.collate(np.array([0]))) == ["padding", "targets", "tokens"]


@pytest.mark.parametrize("context", [1, 4, 5])
@pytest.mark.parametrize("size", [6, 7, 30, 31, 100])
def test_overlapping_windows_predict_every_token_once_from_a_context(
    text: Store, size: int, context: int
) -> None:
    examples = Examples(
        text, "train", "causal-lm", max_target=size, layout="packed", context=min(context, size - 1)
    )
    predicted = ""
    for row in range(len(examples)):
        batch = examples.collate(np.array([row]))
        tokens, targets = tensor(batch, "tokens")[0], tensor(batch, "targets")[0]
        assert len(tokens) == examples.lengths[row] <= size
        known = int((targets == IGNORED).sum())
        assert known == min(context, size - 1, len(predicted)) and not (targets[known:] == IGNORED).any()
        everything = "^abcdefg$$h$ijklmnopqrstuvw$xyz"
        start = len(predicted) - known
        assert shown(tokens) == everything[start : start + len(tokens)]
        predicted += shown(targets[known:])
    assert predicted == "abcdefg$$h$ijklmnopqrstuvw$xyz$"
    assert examples.report.tokens == len(predicted)
    assert examples.bytes(np.arange(len(examples))).sum() == pytest.approx(examples.counts["bytes"])


def test_documents_begin_at_the_mark_before_them(text: Store) -> None:
    examples = Examples(text, "train", "causal-lm", max_target=12, layout="packed-documents")
    batch = all_of(examples)
    assert [shown(row) for row in tensor(batch, "tokens")] == [
        *("^abcdefg$$h$", "ijklmnopqrst", "uvw$xyz....."),
    ]
    assert tensor(batch, "documents").tolist() == [
        [0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 2, 3],
        [0] * 12,
        [0, 0, 0, 1, 1, 1, 1, 0, 0, 0, 0, 0],
    ]
    assert tensor(batch, "padding")[2].tolist() == [False] * 7 + [True] * 5


def test_pairs(pairs: Store) -> None:
    examples = Examples(pairs, "train", "seq2seq", max_source=64, max_target=64)
    batch = examples.collate(np.array([7, 10]))
    assert [shown(row) for row in tensor(batch, "source")] == [
        *("line 7 of a small corpus$.", "line 10 of a small corpus$"),
    ]
    assert [shown(row) for row in tensor(batch, "tokens")] == ["^Zeile 7.", "^Zeile 10"]
    assert [shown(row) for row in tensor(batch, "targets")] == ["Zeile 7$.", "Zeile 10$"]
    assert tensor(batch, "source_padding").sum() == tensor(batch, "padding").sum() == 1
    assert tensor(batch, "targets")[0, -1] == IGNORED
    assert examples.texts(np.array([10, 7])) == ["Zeile 10", "Zeile 7"]
    assert examples.sources(np.array([7])) == ["line 7 of a small corpus"]
    assert examples.lengths[[7, 10]].tolist() == [25, 26]


def test_long_pairs_lose_their_ends_and_keep_their_special_tokens(pairs: Store) -> None:
    examples = Examples(pairs, "train", "seq2seq", max_source=5, max_target=8)
    batch = examples.collate(np.array([7, 10]))
    assert [shown(row) for row in tensor(batch, "source")] == ["line$", "line$"]
    assert [shown(row) for row in tensor(batch, "targets")] == ["Zeile 7$", "Zeile 1$"]
    assert batch["source_padding"] is None
    assert batch["padding"] is None
    assert examples.report == ExamplesReport(
        rows=20, examples=20, tokens=20 * 13, truncated_sources=20, truncated_targets=10
    )


def test_labelled_texts(labelled: Store) -> None:
    examples = Examples(labelled, "train", "classification", max_source=8)
    batch = examples.collate(np.array([5, 0]))
    assert [shown(row) for row in tensor(batch, "tokens")] == ["^Title 5", "^Title 0"]
    assert tensor(batch, "labels").tolist() == [1, 0]
    assert batch["padding"] is None
    assert examples.report == ExamplesReport(rows=6, examples=6, tokens=48, truncated_sources=6)


def test_everything_is_int64(pairs: Store, labelled: Store) -> None:
    batches = [
        all_of(Examples(pairs, "test", "seq2seq", max_source=9, max_target=9)),
        all_of(Examples(labelled, "test", "classification", max_source=9)),
    ]
    for batch in batches:
        for key, value in batch.items():
            wanted = torch.bool if key.endswith("padding") else torch.int64
            assert value is None or value.dtype == wanted


@pytest.mark.parametrize(
    ("task", "layout", "lengths", "message"),
    [
        ("masked-lm", "rows", {"max_source": 8}, "`multi30k` holds pairs, and `masked-lm` needs text"),
        (
            "causal-lm",
            "packed",
            {"max_target": 8},
            "`data.layout = packed` is of running text, and `multi30k` holds pairs",
        ),
        ("translate", "rows", {}, "unknown task `translate`"),
        ("seq2seq", "pack", {"max_source": 8, "max_target": 8}, "unknown layout `pack`"),
        (
            "seq2seq",
            "packed",
            {"max_source": 8, "max_target": 8},
            "`data.layout = packed` is for `causal-lm` and `masked-lm`, not `seq2seq`",
        ),
        (
            "seq2seq",
            "rows",
            {"max_source": 8},
            "`seq2seq` needs a `max_target` of at least 2, received None",
        ),
        (
            "seq2seq",
            "rows",
            {"max_source": 1, "max_target": 8},
            "`seq2seq` needs a `max_source` of at least 2, received 1",
        ),
    ],
)
def test_what_does_not_fit_is_refused(
    pairs: Store, task: str, layout: str, lengths: dict[str, int], message: str
) -> None:
    with pytest.raises(SynthError) as error:
        Examples(pairs, "train", task, layout=layout, **lengths)
    assert error.value.message == message
    assert error.value.hint


def test_padding() -> None:
    tokens, padding = pad_rows([np.array([5, 6], dtype=np.int32), np.array([], dtype=np.int32)], fill=9)
    assert tokens.tolist() == [[5, 6], [9, 9]]
    assert padding is not None
    assert padding.tolist() == [[False, False], [True, True]]


def test_rows_of_several_chunks() -> None:
    import pyarrow

    kind = pyarrow.list_(pyarrow.int32())
    column = pyarrow.chunked_array([pyarrow.array(part, kind) for part in ([[1], []], [], [[2, 3]])])
    rows = Ragged(column)
    assert [row.tolist() for row in (rows[0], rows[1], rows[2])] == [[1], [], [2, 3]]
    assert rows.lengths.tolist() == [1, 0, 2]
    assert len(rows) == 3
