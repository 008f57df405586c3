"""Streams: every token predicted once, each segment continuing the one before it."""

import numpy as np
import pytest
import torch
from torch import Tensor

from synthcli.data.config import BatchConfig, DataConfig
from synthcli.data.examples.batches import Batches, split_in_order
from synthcli.data.examples.examples import IGNORED, Batch, Examples, ExamplesReport
from synthcli.data.prepare.prepare_store import prepare_store
from synthcli.data.store.store import Store
from synthcli.errors import SynthError
from tests.data.small import BYTES, wikitext

ROWS = ["abcdefg", "", "h", "ijklmnopqrstuvw", "xyz"]
TEXT = "abcdefg$$h$ijklmnopqrstuvw$xyz$"  # 31 targets
MARKS = {0: ".", 1: "^", 2: "$", IGNORED: "."}


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Store:
    folder = tmp_path_factory.mktemp("text")
    return prepare_store("wikitext-2", BYTES, folder / "stores", wikitext(folder / "data", ROWS))


def tensor(batch: Batch, key: str) -> Tensor:
    value = batch[key]
    assert isinstance(value, Tensor)
    return value


def shown(batch: Batch, key: str) -> list[str]:
    return ["".join(MARKS.get(i) or chr(i - 4) for i in row) for row in tensor(batch, key).tolist()]


def streams_of(store: Store, length: int, streams: int) -> Examples:
    return Examples(store, "train", "causal-lm", max_target=length, layout="streams", streams=streams)


def test_segments_of_three_streams(text: Store) -> None:
    examples = streams_of(text, length=5, streams=3)  # 11 targets a stream
    assert (examples.is_stream, examples.segments, len(examples)) == (True, 3, 9)
    batches = [examples.collate(np.arange(start, start + 3)) for start in (0, 3, 6)]
    assert [shown(batch, "tokens") for batch in batches] == [
        ["^abcd", "$ijkl", "stuvw"],
        ["efg$$", "mnopq", "$xyz."],
        ["h", "r", "."],
    ]
    assert [shown(batch, "targets") for batch in batches] == [
        ["abcde", "ijklm", "tuvw$"],
        ["fg$$h", "nopqr", "xyz$."],
        ["$", "s", "."],
    ]
    assert sorted(batches[0]) == ["targets", "tokens"]


@pytest.mark.parametrize("streams", [1, 2, 3, 7, 30, 31])
@pytest.mark.parametrize("length", [2, 3, 5, 31, 40])
def test_every_token_is_predicted_once_and_streams_continue(text: Store, length: int, streams: int) -> None:
    examples = streams_of(text, length, streams)
    tokens, targets = [""] * streams, [""] * streams
    for segment in range(examples.segments):
        rows = np.arange(segment * streams, (segment + 1) * streams)
        batch = examples.collate(rows)
        assert (tensor(batch, "targets") != IGNORED).sum(1).tolist() == examples.lengths[rows].tolist()
        for stream in range(streams):
            tokens[stream] += shown(batch, "tokens")[stream]
            targets[stream] += shown(batch, "targets")[stream]
    assert "".join(targets).rstrip(".") == TEXT
    assert "".join(tokens).rstrip(".") == "^" + TEXT[:-1]
    assert len(set(map(len, targets))) == 1


def test_counts_are_those_of_the_split(text: Store) -> None:
    examples = streams_of(text, length=5, streams=3)
    rows = np.arange(9)
    assert examples.report == ExamplesReport(rows=5, examples=9, tokens=31)
    assert examples.words(rows).sum() == pytest.approx(examples.counts["words"])
    assert examples.bytes(rows).sum() == examples.counts["bytes"] == 31
    assert examples.bytes(rows).tolist() == pytest.approx(examples.lengths.tolist())


def test_a_single_example_is_what_it_is_in_its_batch(text: Store) -> None:
    examples = streams_of(text, length=5, streams=3)
    whole, alone = examples.collate(np.arange(3, 6)), examples.collate(np.array([5]))
    for key in ("tokens", "targets"):
        assert torch.equal(tensor(whole, key)[2:], tensor(alone, key))


def test_batches_in_order(text: Store) -> None:
    examples = streams_of(text, length=5, streams=3)
    batches = Batches(examples.lengths, BatchConfig(size=3), seed=4, in_order=True)
    assert [batches.at(step)[0] for step in (0, 2, 3)] == [0, 0, 1]
    assert [batches.at(step)[1].tolist() for step in (0, 1, 2, 3)] == [
        *([0, 1, 2], [3, 4, 5], [6, 7, 8], [0, 1, 2]),
    ]


def test_other_layouts_are_no_streams(text: Store) -> None:
    assert not Examples(text, "train", "causal-lm", max_target=5).is_stream


def test_too_many_streams_are_refused(text: Store) -> None:
    with pytest.raises(SynthError) as error:
        streams_of(text, length=5, streams=32)
    assert str(error.value) == (
        "`train` of `wikitext-2` has 31 tokens, too few for 32 streams\n"
        "hint: lower the number of streams: `data.batch.size`, or `evaluation.streams` while evaluating"
    )


def test_the_number_of_streams_belongs_to_the_layout(text: Store) -> None:
    for layout, streams in (("streams", None), ("rows", 3)):
        with pytest.raises(SynthError, match=f"the layout `{layout}` and {streams} streams do not go"):
            Examples(text, "train", "causal-lm", max_target=5, layout=layout, streams=streams)


@pytest.mark.parametrize(
    ("batch", "message"),
    [
        ({"max_tokens": 9}, "`layout = streams` needs `batch.size`: the number of streams read side by side"),
        (
            {"size": 3, "group_by_length": True},
            "`layout = streams` is read in order, segment by segment: leave `batch.group_by_length` out",
        ),
        (
            {"size": 3, "ramp": {"from": 1, "until": 0.5}},
            "`layout = streams` is read in order, segment by segment: leave `batch.ramp` out",
        ),
    ],
)
def test_streams_need_a_fixed_size(batch: dict[str, object], message: str) -> None:
    values = {"corpus": "enwik8", "tokenizer": {"kind": "bytes"}, "layout": "streams", "batch": batch}
    with pytest.raises(ValueError, match=message):
        DataConfig.model_validate(values)


@pytest.mark.parametrize("rows", [4, 5, 7, 12])
@pytest.mark.parametrize("world", [1, 2, 3, 4])
@pytest.mark.parametrize("micro_size", [None, 1, 2, 3, 20])
def test_processes_and_micro_batches_take_neighbours_in_order(
    rows: int, world: int, micro_size: int | None
) -> None:
    indices = np.arange(40, 40 + rows)
    parts = [split_in_order(indices, rank, world, micro_size) for rank in range(world)]
    assert np.concatenate([part for of_one in parts for part in of_one]).tolist() == indices.tolist()
    assert len({len(of_one) for of_one in parts}) == 1
    sizes = [sum(len(part) for part in of_one) for of_one in parts]
    assert max(sizes) - min(sizes) <= 1 <= min(sizes)
    assert max(len(part) for of_one in parts for part in of_one) <= (micro_size or rows)
