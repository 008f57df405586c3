"""Masking: the share wanted, of ordinary tokens only, a function of seed, epoch and row."""

import numpy as np
import pytest
import torch
from torch import Tensor

from synthcli.data.config import MaskingConfig, TokenizerConfig
from synthcli.data.examples.counter_rng import derive_keys
from synthcli.data.examples.examples import IGNORED, Batch, Examples, ExamplesReport
from synthcli.data.examples.masking import Masking
from synthcli.data.prepare.prepare_store import prepare_store
from synthcli.data.store.store import Store
from synthcli.data.tokenizers.wordpiece import SPECIAL_TOKENS, WordPieceTokenizer
from synthcli.errors import SynthError
from tests.data.small import BYTES, wikitext

LETTERS = "abcdefghijklmnopqrstuvwxyz"
ROWS = ["a b c d e f g", "", "h", "i j k l m n o p q r", "é 日"]
PAD, UNK, BOS, EOS, MASK = range(5)


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Store:
    folder = tmp_path_factory.mktemp("text")
    (folder / "vocab.txt").write_text("\n".join([*SPECIAL_TOKENS, *LETTERS]))
    config = TokenizerConfig(kind="wordpiece", vocab_size=31, files=str(folder))
    return prepare_store("wikitext-2", config, folder / "stores", wikitext(folder / "data", ROWS))


def tensor(batch: Batch, key: str) -> Tensor:
    value = batch[key]
    assert isinstance(value, Tensor)
    return value


def original(batch: Batch) -> list[str]:
    """Return rows as they were: `^` for bos, `$` for eos, `?` for unknown, `.` for padding."""
    tokens, targets = tensor(batch, "tokens"), tensor(batch, "targets")
    rows = torch.where(targets == IGNORED, tokens, targets)
    return ["".join(".?^$#"[i] if i < 5 else LETTERS[i - 5] for i in row) for row in rows.tolist()]


def masked(store: Store, length: int, layout: str = "rows", **shares: float) -> Examples:
    config = MaskingConfig.model_validate(shares)
    return Examples(store, "train", "masked-lm", max_source=length, layout=layout, masking=config)


def drawn(rows: torch.Tensor, **shares: float) -> tuple[Tensor, Tensor]:
    """Return tokens and targets of rows of letters in a vocabulary of special tokens and letters."""
    masking = Masking(WordPieceTokenizer([*SPECIAL_TOKENS, *LETTERS]), MaskingConfig.model_validate(shares))
    keys = derive_keys(0, 0, np.arange(len(rows)))
    batch = masking.collate([row.numpy().astype(np.int32) for row in rows], keys)
    return tensor(batch, "tokens"), tensor(batch, "targets")


def test_rows_are_framed_and_cut(text: Store) -> None:
    examples = masked(text, 6)
    batch = examples.collate(np.arange(len(examples)))
    assert original(batch) == ["^abcd$", "^efg$.", "^h$...", "^ijkl$", "^mnop$", "^qr$..", "^e?$.."]
    assert examples.lengths.tolist() == [6, 5, 3, 6, 6, 4, 4]
    assert examples.report == ExamplesReport(rows=5, examples=7, tokens=34, cut=2)
    assert tensor(batch, "padding").sum(1).tolist() == [0, 1, 3, 0, 0, 2, 2]
    assert (tensor(batch, "targets") != IGNORED).sum(1).tolist() == [1] * 7


def test_packed_windows(text: Store) -> None:
    examples = masked(text, 8, "packed")
    batch = examples.collate(np.arange(len(examples)))
    assert original(batch) == ["abcdefg$", "$h$ijklm", "nopqr$e?"]
    assert examples.lengths.tolist() == [8, 8, 8]  # the last eos alone is no window
    assert batch["padding"] is None
    assert examples.report == ExamplesReport(rows=5, examples=3, tokens=24)
    assert masked(text, 10, "packed").lengths.tolist() == [10, 10, 5]


def test_the_share_of_every_row_is_exact() -> None:
    torch.manual_seed(0)
    rows = torch.randint(5, 31, (50, 40))
    tokens, targets = drawn(rows, rate=0.15)
    chosen = targets != IGNORED
    assert chosen.sum(1).tolist() == [6] * 50
    assert torch.equal(targets[chosen], rows[chosen])
    assert torch.equal(tokens[~chosen], rows[~chosen])
    assert chosen.any(0).float().mean() > 0.9  # every place has its turn


def test_marks_and_padding_are_never_chosen() -> None:
    torch.manual_seed(1)
    rows = torch.randint(5, 31, (200, 12))
    rows[:, 0], rows[:, 5], rows[:, 9], rows[:, 10:] = BOS, UNK, EOS, PAD
    tokens, targets = drawn(rows, rate=0.9)
    assert (targets[:, [0, 5, 9, 10, 11]] == IGNORED).all()
    assert ((targets != IGNORED).sum(1) == 6).all()  # 0.9 of 7
    assert not torch.isin(tokens[targets != IGNORED], torch.tensor([PAD, UNK, BOS, EOS])).any()


def test_a_row_of_marks_has_no_targets() -> None:
    _, targets = drawn(torch.tensor([[BOS, UNK, EOS], [BOS, 7, EOS]]))
    assert targets.tolist() == [[IGNORED] * 3, [IGNORED, 7, IGNORED]]


def test_shares_of_mask_random_and_same() -> None:
    torch.manual_seed(2)
    rows = torch.randint(5, 31, (500, 200))
    tokens, targets = drawn(rows, rate=0.5)
    chosen = targets != IGNORED
    hidden = (tokens[chosen] == MASK).float().mean()
    same = (tokens[chosen] == rows[chosen]).float().mean()
    assert abs(hidden - 0.8) < 0.01
    assert abs(same - (0.1 + 0.1 / 26)) < 0.01
    replaced = tokens[chosen & (tokens != MASK) & (tokens != rows)]
    assert set(replaced.tolist()) == set(range(5, 31))


def test_all_masked() -> None:
    tokens, targets = drawn(torch.randint(5, 31, (9, 20)), mask=1.0, random=0.0)
    assert (tokens[targets != IGNORED] == MASK).all()


def test_seed_and_epoch_decide_and_torchs_generator_does_not(text: Store) -> None:
    examples, every = masked(text, 12), np.arange(4)
    seen = []
    for drawing in ((7, 0), (7, 0), (8, 0), (7, 1), (2**64 - 1, 0)):
        torch.manual_seed(len(seen))
        state = torch.get_rng_state()
        seen.append(tensor(examples.collate(every, *drawing), "targets"))
        assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(seen[0], seen[1])
    assert not any(torch.equal(seen[0], other) for other in seen[2:])


@pytest.mark.parametrize("layout", ["rows", "packed"])
def test_what_is_masked_of_a_row_depends_on_no_other(text: Store, layout: str) -> None:
    examples = masked(text, 6, layout, rate=0.5)
    numbers, epochs = np.array([3, 0, 2, 3, 1]), np.array([0, 4, 1, 1, 2])
    together = examples.collate(numbers, 5, epochs)
    for place, (number, epoch) in enumerate(zip(numbers, epochs, strict=True)):
        alone = examples.collate(np.array([number]), 5, int(epoch))
        for key in ("tokens", "targets"):
            length = tensor(alone, key).shape[1]
            assert torch.equal(tensor(together, key)[place, :length], tensor(alone, key)[0])


def test_choices_fates_and_substitutes_are_independent() -> None:
    rows = torch.full((4000, 10), 5)  # of `a` alone: every other letter is a substitute
    tokens, targets = drawn(rows, rate=0.5, mask=0.0, random=1.0)
    chosen = targets != IGNORED
    both = (chosen[:, :, None] & chosen[:, None]).float().mean(0)
    expected = torch.full((10, 10), 0.5 * 4 / 9).fill_diagonal_(0.5)  # 5 of 10, without replacement
    assert (both - expected).abs().max() < 0.03
    shares = torch.bincount(tokens[chosen], minlength=31)[5:] / chosen.sum()
    assert (shares - 1 / 26).abs().max() < 0.006
    first, second = (tokens[:, place][chosen[:, :2].all(1)] for place in (0, 1))
    assert torch.corrcoef(torch.stack((first, second)).float())[0, 1].abs() < 0.1


def test_a_tokenizer_without_a_mask_is_refused(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("bytes")
    store = prepare_store("wikitext-2", BYTES, folder / "stores", wikitext(folder / "data", ROWS))
    with pytest.raises(SynthError) as error:
        masked(store, 12)
    assert str(error.value) == (
        "the tokenizer `bytes` has no mask, and `masked-lm` needs one\n"
        'hint: set `data.tokenizer.kind = "wordpiece"`'
    )


def test_what_does_not_fit_is_refused(text: Store) -> None:
    with pytest.raises(SynthError, match="`masked-lm` needs a `max_length` of at least 3, received 2"):
        masked(text, 2)
    with pytest.raises(
        SynthError, match=r"`data.layout = packed-documents` is for `causal-lm`, not `masked-lm`"
    ):
        masked(text, 8, "packed-documents")
    with pytest.raises(SynthError, match=r"`data.masking` is for `masked-lm`, not `causal-lm`"):
        Examples(text, "train", "causal-lm", max_target=8, masking=MaskingConfig())
    with pytest.raises(ValueError, match=r"`mask = 0.8` and `random = 0.3` add up to more than 1"):
        MaskingConfig(random=0.3)
