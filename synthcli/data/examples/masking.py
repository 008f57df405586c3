"""Masked language modelling  (Devlin et al. 2019, section 3.1).

Of the tokens of an example, special tokens aside, `rate` are predicted. What the model is shown in their
place is the mask for 80 % of them, a random token for 10 %, and the token itself for 10 %, or other shares
that are set. Which ones is drawn anew in every epoch, a function of (seed, epoch, row) and of nothing beside
the row.
"""

import numpy as np
import torch
from jaxtyping import Bool, Int
from torch import Tensor

from synthcli.data.config import MaskingConfig
from synthcli.data.examples.collate import IGNORED, Batch, ExamplesReport, join_ids, pad_rows
from synthcli.data.examples.counter_rng import Numbers, Whole, derive_keys, uniform
from synthcli.data.examples.windows import Chunks, Joined
from synthcli.data.store.ragged import Ids, Indices, Ragged
from synthcli.data.store.store import Store
from synthcli.data.tokenizers import Tokenizer
from synthcli.errors import SynthError

# what a position draws: its rank among those to be chosen, whether it is masked or replaced, and by what
DRAWS = CHOICE, FATE, SUBSTITUTE = range(3)


class Masking:
    """Hides tokens of a batch; every row draws from the key it is given."""

    def __init__(self, tokenizer: Tokenizer, config: MaskingConfig) -> None:
        if tokenizer.mask_id is None:
            raise SynthError(
                f"the tokenizer `{tokenizer.kind}` has no mask, and `masked-lm` needs one",
                'set `data.tokenizer.kind = "wordpiece"`',
            )
        self.config, self.mask_id, self.pad_id = config, tokenizer.mask_id, tokenizer.pad_id
        is_special = torch.zeros(tokenizer.vocab_size, dtype=torch.bool)
        is_special[[self.mask_id, self.pad_id, tokenizer.bos_id, tokenizer.eos_id, tokenizer.unk_id]] = True
        self.is_special, self.ordinary = is_special, (~is_special).nonzero()[:, 0]

    def collate(self, rows: list[Ids], keys: Numbers) -> Batch:
        original, padding = pad_rows(rows, self.pad_id)
        chosen = self.choose(original, keys)
        targets = original.where(chosen, torch.tensor(IGNORED))
        return {"tokens": self.mask_tokens(original, chosen, keys), "targets": targets, "padding": padding}

    def choose(self, tokens: Int[Tensor, "batch length"], keys: Numbers) -> Bool[Tensor, "batch length"]:
        """Choose the share wanted of every row's ordinary tokens, and one at least where there is one."""
        special = self.is_special[tokens]
        scores = _draw(keys[:, None], np.arange(tokens.shape[1]), CHOICE)
        scores = scores.masked_fill(special, 1.0)  # the largest: they come last
        ordinary = (~special).sum(1, keepdim=True)
        wanted = (ordinary * self.config.rate).round().long().clamp_min(1).minimum(ordinary)
        order = scores.argsort(dim=1, stable=True)
        ranks = torch.arange(tokens.shape[1]).expand_as(order)
        return torch.zeros_like(special).scatter(1, order, ranks < wanted)

    def mask_tokens(
        self, tokens: Int[Tensor, "batch length"], chosen: Bool[Tensor, "batch length"], keys: Numbers
    ) -> Int[Tensor, "batch length"]:
        """Return what is shown: the mask, a random token or the token itself where one is chosen."""
        rows, places = chosen.numpy().nonzero()
        fate, substitute = (_draw(keys[rows], places, what) for what in (FATE, SUBSTITUTE))
        random = self.ordinary[(substitute * len(self.ordinary)).long()]
        shown = tokens[chosen].where(fate >= self.config.mask + self.config.random, random)
        return tokens.masked_scatter(chosen, shown.masked_fill(fate < self.config.mask, self.mask_id))


def _draw(keys: Numbers, places: Whole, what: int) -> Tensor:
    """Return what positions of rows draw for one of their `DRAWS`."""
    return torch.from_numpy(uniform(keys, places * len(DRAWS) + what))


class MaskedExamples:
    """bos, a row, eos; a row longer than the model is cut into chunks, each with both special tokens."""

    def __init__(self, store: Store, split: str, max_length: int, config: MaskingConfig) -> None:
        if max_length < 3:
            raise SynthError(
                f"`masked-lm` needs a `max_length` of at least 3, received {max_length}",
                "two positions are for the special tokens at both ends",
            )
        self.tokenizer, self.masking = store.tokenizer, Masking(store.tokenizer, config)
        rows = Ragged(store.table(split).column("tokens"))
        self.chunks = Chunks(rows, max_length - 2)
        self.lengths: Indices = self.chunks.sizes + 2
        counts = {"rows": len(rows), "examples": len(self.lengths), "tokens": int(self.lengths.sum())}
        self.report = ExamplesReport(**counts, cut=self.chunks.cut)

    def text(self, example: int) -> Ids:
        return join_ids(self.tokenizer.bos_id, self.chunks[example], self.tokenizer.eos_id)

    def collate(self, indices: Indices, seed: int = 0, epochs: Indices | int = 0) -> Batch:
        return self.masking.collate([self.text(int(i)) for i in indices], derive_keys(seed, epochs, indices))


class PackedMaskedExamples:
    """Every row with eos, one after the other, cut into windows; a last one of eos alone is left out."""

    def __init__(self, store: Store, split: str, max_length: int, config: MaskingConfig) -> None:
        self.masking, self.max_length = Masking(store.tokenizer, config), max_length
        self.joined = Joined(store.table(split), store.tokenizer)
        tokens = self.joined.targets
        tokens -= tokens % max_length == 1
        windows = -(-tokens // max_length)
        self.lengths: Indices = np.full(windows, max_length, dtype=np.int64)
        self.lengths[-1] = tokens - (windows - 1) * max_length
        self.report = ExamplesReport(rows=len(self.joined.rows), examples=windows, tokens=tokens)

    def text(self, window: int) -> Ids:
        start = window * self.max_length + 1  # bos stands at 0
        return self.joined.between(start, start + int(self.lengths[window]) - 1)

    def collate(self, indices: Indices, seed: int = 0, epochs: Indices | int = 0) -> Batch:
        return self.masking.collate([self.text(int(i)) for i in indices], derive_keys(seed, epochs, indices))
