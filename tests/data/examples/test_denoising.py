"""Span corruption: put together again, source and target are the text."""

import numpy as np
import pytest
import torch
from torch import Tensor

from synthcli.data.config import DenoisingConfig
from synthcli.data.examples.collate import IGNORED, Batch, ExamplesReport
from synthcli.data.examples.counter_rng import derive_keys, uniform
from synthcli.data.examples.denoising import (
    corrupt_spans,
    count_noise,
    divide,
    find_max_tokens,
    side_lengths,
)
from synthcli.data.examples.examples import Examples
from synthcli.data.prepare.prepare_store import prepare_store
from synthcli.data.store.store import Store
from synthcli.errors import SynthError
from tests.data.small import BYTES, multi30k, wikitext

ROWS = ["abcdefghijklmnopqrstuvwxyz" * 2, "", "h", "ij", "klmnopqrstuvwx"]
FIRST = 260
EOS = 2


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Store:
    folder = tmp_path_factory.mktemp("text")
    return prepare_store("wikitext-2", BYTES, folder / "stores", wikitext(folder / "data", ROWS))


def tensor(batch: Batch, key: str) -> Tensor:
    value = batch[key]
    assert isinstance(value, Tensor)
    return value


def spans_in(target: list[int]) -> dict[int, list[int]]:
    """Return the ids after each sentinel."""
    spans: dict[int, list[int]] = {}
    for i in target:
        if i >= FIRST:
            spans[i] = []
        else:
            spans[max(spans)].append(i)
    return spans


def restored(source: list[int], target: list[int]) -> list[int]:
    spans = spans_in(target)
    return [i for place in source for i in (spans[place] if place >= FIRST else [place])]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 20, 100, 512])
@pytest.mark.parametrize(("rate", "mean_span"), [(0.15, 3.0), (0.5, 3.0), (0.5, 1.0), (0.9, 10.0)])
def test_source_and_target_are_the_text(size: int, rate: float, mean_span: float) -> None:
    config = DenoisingConfig(rate=rate, mean_span=mean_span)
    ids = np.arange(4, 4 + size, dtype=np.int32) % 256
    for key in derive_keys(size, 0, np.arange(5)):
        source, target = (part.tolist() for part in corrupt_spans(ids, FIRST, config, key))
        assert restored(source, target) == ids.tolist()
        spans = spans_in(target)
        assert list(spans) == list(range(FIRST, FIRST + len(spans)))
        assert all(spans.values())
        assert (len(source) + 1, len(target) + 1) == side_lengths(size, config)
        assert size == 1 or source[0] < FIRST


def test_amounts_of_noise() -> None:
    config = DenoisingConfig()
    assert count_noise(512, config) == (77, 26)
    assert count_noise(1, config) == (1, 1)
    assert count_noise(2, config) == (1, 1)
    assert count_noise(512, DenoisingConfig(sentinels=5)) == (77, 5)
    assert side_lengths(568, config) == (568 - 85 + 28 + 1, 85 + 28 + 1)


def test_room_is_the_longest_that_fits() -> None:
    config = DenoisingConfig()
    assert find_max_tokens(config, 512, 114) == 568  # what the paper reads for 512 and 114
    for source, target in ((2, 3), (10, 10), (64, 12), (512, 512)):
        size = find_max_tokens(config, source, target)
        fits = [all(np.less_equal(side_lengths(n, config), (source, target))) for n in (size, size + 1)]
        assert fits == [True, False]


def test_divisions_are_equally_likely() -> None:
    drawn = uniform(derive_keys(0, 0, np.arange(3000))[:, None], np.arange(5))
    seen = [tuple(divide(5, 3, numbers).tolist()) for numbers in drawn]
    assert all(sum(parts) == 5 and min(parts) > 0 for parts in seen)
    shares = [seen.count(parts) / 3000 for parts in set(seen)]
    assert len(shares) == 6
    assert max(abs(share - 1 / 6) for share in shares) < 0.03
    assert divide(0, 1, np.zeros(0)).tolist() == [0]
    assert divide(5, 3, np.array([0.0, 0.9, 0.2, 0.8, 0.1])).tolist() == [
        2,
        2,
        1,
    ]  # cuts at 2 and at 4
    assert divide(3, 3, np.zeros(3)).tolist() == [1, 1, 1]


def denoising(store: Store, source: int, target: int) -> Examples:
    config = DenoisingConfig(rate=0.3, mean_span=2.0)
    return Examples(store, "train", "seq2seq", max_source=source, max_target=target, denoising=config)


def test_batches_are_those_of_pairs(text: Store) -> None:
    examples = denoising(text, 24, 24)
    assert examples.report.rows == 5
    assert examples.report == ExamplesReport(rows=5, examples=5, tokens=examples.report.tokens, cut=1)
    batch = examples.collate(np.arange(5))
    assert list(batch) == ["source", "source_padding", "tokens", "targets", "padding"]
    ids = []
    for row in range(5):
        source = [i for i in tensor(batch, "source")[row].tolist() if i != 0]
        target = [i for i in tensor(batch, "targets")[row].tolist() if i != IGNORED]
        assert source.pop() == target.pop() == EOS
        assert max(len(source), len(target)) + 1 == examples.lengths[row] <= 24
        ids += restored(source, target)
        assert tensor(batch, "tokens")[row, 0] == 1
    assert bytes(i - 4 for i in ids).decode() == "".join(ROWS)
    assert torch.equal(tensor(batch, "tokens")[0, 1:], tensor(batch, "targets")[0, :-1])


def test_seed_and_epoch_decide_and_torchs_generator_does_not(text: Store) -> None:
    seen = []
    for drawing in ((3, 0), (3, 0), (4, 0), (3, 1)):
        torch.manual_seed(len(seen))
        state = torch.get_rng_state()
        seen.append(tensor(denoising(text, 24, 24).collate(np.arange(2), *drawing), "source").tolist())
        assert torch.equal(torch.get_rng_state(), state)
    assert seen[0] == seen[1]
    assert seen[0] not in seen[2:]


def test_spans_of_a_row_depend_on_no_other(text: Store) -> None:
    examples, numbers, epochs = denoising(text, 24, 24), np.array([3, 0, 1, 0]), np.array([0, 2, 1, 1])
    together = examples.collate(numbers, 5, epochs)
    for place, (number, epoch) in enumerate(zip(numbers, epochs, strict=True)):
        alone = examples.collate(np.array([number]), 5, int(epoch))
        for key in ("source", "tokens", "targets"):
            length = tensor(alone, key).shape[1]
            assert torch.equal(tensor(together, key)[place, :length], tensor(alone, key)[0])


def test_what_does_not_fit_is_refused(text: Store, tmp_path_factory: pytest.TempPathFactory) -> None:
    with pytest.raises(SynthError, match="at least 2 and a `max_target` of at least 3, received 2 and 2"):
        denoising(text, 2, 2)
    with pytest.raises(SynthError) as error:
        Examples(text, "train", "seq2seq", max_source=8, max_target=8)
    assert error.value.message == "`wikitext-2` holds text, and `seq2seq` needs pairs"
    assert error.value.hint.endswith("with `[data.denoising]` it serves `seq2seq`")
    with pytest.raises(SynthError, match=r"`data.denoising` is for `seq2seq`, not `causal-lm`"):
        Examples(text, "train", "causal-lm", max_target=8, denoising=DenoisingConfig())
    folder = tmp_path_factory.mktemp("pairs")
    pairs = prepare_store("multi30k", BYTES, folder / "stores", multi30k(folder / "data"))
    with pytest.raises(SynthError, match=r"`multi30k` holds pairs, and `data.denoising` needs text"):
        denoising(pairs, 24, 24)
