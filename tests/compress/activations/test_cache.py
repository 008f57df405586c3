"""A cache gives back what the teacher computed, and is refused where it is of something else."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from synthcli.compress.activations import recording
from synthcli.compress.activations.cache import (
    batches_by_length,
    build_cache,
    cache_at,
    cache_bytes,
    open_cache,
)
from synthcli.compress.activations.calibration import Calibration
from synthcli.compress.activations.capture import capture
from synthcli.compress.activations.hook_points import HookPoint
from synthcli.compress.teacher import Teacher
from synthcli.errors import SynthError, WorkFailedError
from tests.compress.small import bert_config, recorded, small_teacher

IN, OUT = HookPoint("encoder", 1, "mixer-in"), HookPoint("encoder", 1, "mixer-out")
HALF = {"rtol": 1e-3, "atol": 1e-4}  # float16 has eleven bits


@pytest.fixture
def cache(tmp_path: Path, bert: Teacher, text: Calibration):
    return build_cache(tmp_path / "cache", bert, text, [OUT, IN])


def test_a_sequence_reads_back_as_the_teacher_computed_it(cache, bert: Teacher, text: Calibration) -> None:
    indices = [7, 0, 33]
    batch = text.batch(np.array(indices))
    found = capture(bert, batch, [OUT])[OUT]
    values, padding = cache.read(OUT, indices)
    assert torch.equal(padding, batch["padding"]) and values.dtype == torch.float32
    torch.testing.assert_close(values, found.masked_fill(padding[..., None], 0), **HALF)
    tokens, _ = cache.tokens(indices)
    assert torch.equal(tokens[~padding], batch["tokens"][~padding])


def test_flat_rows_are_the_real_tokens_in_order(cache) -> None:
    values, padding = cache.read(IN, range(3))
    assert torch.equal(cache.flat(IN, 0, int(cache.lengths[:3].sum())), values[~padding])
    assert cache.rows == cache.lengths.sum() and cache.flat(IN, cache.rows - 2, cache.rows).shape == (2, 24)


def test_equal_lengths_have_no_padding(cache) -> None:
    assert cache.read(IN, [5])[1] is None and cache.tokens([5, 5])[1] is None


def test_the_size_is_known_before_it_is_written(cache, bert: Teacher, text: Calibration) -> None:
    files = [path.stat().st_size for path in cache.path.iterdir() if path.name != "index.json"]
    assert cache_bytes(bert, text, [IN, OUT]) == sum(files)


def test_batches_hold_every_sequence_once_and_few_tokens() -> None:
    lengths = np.array([5, 1, 9, 9, 2, 30, 3])
    batches = batches_by_length(lengths, tokens=20)
    assert sorted(np.concatenate(batches)) == list(range(7))
    assert [sorted(lengths[batch]) for batch in batches] == [[1, 2, 3, 5], [9, 9], [30]]


def test_an_own_cache_is_opened_again(cache, bert: Teacher, text: Calibration) -> None:
    again = cache_at(cache.path, bert, text, [OUT])
    assert again.index == cache.index and set(again.points) == {IN, OUT}


def test_a_cache_of_another_model_is_refused_by_name(cache, bert: Teacher, text: Calibration, store) -> None:
    other = small_teacher(
        bert_config(store.tokenizer.vocab_size, norm_eps=1e-4), store.tokenizer, name="other"
    )
    message = f"cache `{cache.path}` was recorded with another model: `small`"
    with pytest.raises(SynthError) as error:
        cache_at(cache.path, other, text, [IN])
    assert error.value.message == message
    assert error.value.hint == "this is `other`: remove it, or name another folder"


@pytest.mark.parametrize(("what", "name"), [("tokenizer", "wordpiece"), ("text", "text, train")])
def test_a_cache_of_another_tokenizer_or_text_is_refused(cache, bert, text, what: str, name: str) -> None:
    index = json.loads((cache.path / "index.json").read_text())
    index["of"][what]["hash"] = "0"
    (cache.path / "index.json").write_text(json.dumps(index))
    with pytest.raises(SynthError, match=f"with another {what}: `{name}`"):
        cache_at(cache.path, bert, text, [IN])


def test_another_part_of_the_text_is_another_text(cache, bert: Teacher, store) -> None:
    fewer = Calibration(store, "train", bert, max_length=19, limit=39)
    with pytest.raises(SynthError, match="with another text"):
        cache_at(cache.path, bert, fewer, [IN])


def test_a_site_that_was_not_recorded_is_refused(cache, bert: Teacher, text: Calibration) -> None:
    with pytest.raises(SynthError) as error:
        cache_at(cache.path, bert, text, [HookPoint("encoder", 0, "mixer-in")])
    assert error.value.message == f"cache `{cache.path}` holds nothing of `encoder.0.mixer-in`"
    assert error.value.hint == "it holds `encoder.1.mixer-in`, `encoder.1.mixer-out`"


@pytest.mark.parametrize("name", [f"{OUT}.f16", "tokens.i32", "lengths.i64"])
def test_a_cache_cut_short_is_refused(cache, name: str) -> None:
    path = cache.path / name
    size = path.stat().st_size
    path.write_bytes(path.read_bytes()[:-2])
    with pytest.raises(SynthError) as error:
        open_cache(cache.path)
    assert error.value.message == f"`{path}` has {size - 2} bytes, its index says {size}"


@pytest.mark.parametrize("content", ["", "[]", '{"format": 99}', '{"format": 1}'])
def test_a_damaged_index_is_refused(cache, content: str) -> None:
    (cache.path / "index.json").write_text(content)
    with pytest.raises(SynthError, match=r"index\.json"):
        open_cache(cache.path)


def test_a_folder_that_is_no_cache_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SynthError, match=r"is no cache: it has no `index\.json`"):
        open_cache(tmp_path)


def test_a_limit_too_small_is_refused_before_anything_is_written(tmp_path, bert, text) -> None:
    size = cache_bytes(bert, text, [IN])
    with pytest.raises(SynthError) as error:
        build_cache(tmp_path / "cache", bert, text, [IN], limit=1024)
    assert error.value.message == (
        f"the cache would take {size / 1024:.1f} KiB, and `--cache-limit` allows 1.0 KiB"
    )
    assert not list(tmp_path.iterdir())
    assert build_cache(tmp_path / "cache", bert, text, [IN], limit=size).rows == text.lengths.sum()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e6])
def test_activations_that_are_not_finite_are_refused_by_site(tmp_path, store, text, value: float) -> None:
    bad = small_teacher(bert_config(store.tokenizer.vocab_size), store.tokenizer)
    bad.model.encoder.blocks[1].mixer.output.bias.data[3] = value
    with pytest.raises(WorkFailedError, match=r"activations at `encoder\.1\.mixer-out` are not finite"):
        recorded(tmp_path / "cache", bad, text, "encoder.1.mixer-in", "encoder.1.mixer-out")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("value", [float("inf"), -1e5, float("nan")])
def test_what_stands_at_padded_positions_is_neither_written_nor_refused(tmp_path: Path, value: float) -> None:
    values, point = torch.randn(3, 4, 2), HookPoint("encoder", 0, "mixer-out")
    values[1, 2:] = value
    lengths, path = np.array([4, 2, 4]), tmp_path / "rows"
    with path.open("wb") as file:
        recording._write_rows(file.fileno(), point, values, np.array([4, 8, 0]), lengths)
    rows = [values[number, : lengths[number]] for number in (2, 0, 1)]  # each at its place
    assert path.read_bytes() == torch.cat(rows).half().numpy().tobytes()
    values[1, 1, 0] = value
    with path.open("wb") as file, pytest.raises(WorkFailedError, match="are not finite in float16: the larg"):
        recording._write_rows(file.fileno(), point, values, np.array([4, 8, 0]), lengths)
