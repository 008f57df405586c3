"""Span corruption  (Raffel et al. 2020, section 3.1.4).

    source:  Thank you <X> me to your party <Y> week
    target:  <X> for inviting <Y> last

Of n tokens, round(rate · n) are noise, in round(noise / mean_span) spans; text and noise take turns, text
first, and all ways to divide them are equally likely. The k-th span's sentinel is `vocab_size + k` of the
tokenizer; eos ends the target, without the further sentinel of the paper's figure 2. Spans are drawn anew in
every epoch, a function of (seed, epoch, row) and of nothing beside the row.
"""

import numpy as np
import numpy.typing as npt

from synthcli.data.config import DenoisingConfig
from synthcli.data.examples.collate import Batch, ExamplesReport, join_ids, pad_rows, shift_targets
from synthcli.data.examples.counter_rng import Numbers, derive_keys, uniform
from synthcli.data.examples.windows import Chunks
from synthcli.data.store.ragged import Ids, Indices, Ragged
from synthcli.data.store.store import Store
from synthcli.errors import SynthError


class DenoisingExamples:
    """Corrupted row and eos; bos, what is missing and eos. A row too long is cut into chunks."""

    def __init__(
        self, store: Store, split: str, max_source: int, max_target: int, config: DenoisingConfig
    ) -> None:
        self.tokenizer, self.config = store.tokenizer, config
        rows = Ragged(store.table(split).column("tokens"))
        self.chunks = Chunks(rows, find_max_tokens(config, max_source, max_target))
        by_size = np.array([side_lengths(size, config) for size in range(self.chunks.max_tokens + 1)])
        sides = by_size[self.chunks.sizes]
        self.lengths: Indices = sides.max(axis=1)
        counts = {"rows": len(rows), "examples": len(self.lengths), "tokens": int(sides.sum())}
        self.report = ExamplesReport(**counts, cut=self.chunks.cut)

    def collate(self, indices: Indices, seed: int = 0, epochs: Indices | int = 0) -> Batch:
        tokenizer, sources, targets = self.tokenizer, [], []
        for index, key in zip(indices, derive_keys(seed, epochs, indices), strict=True):
            source, target = corrupt_spans(self.chunks[int(index)], tokenizer.vocab_size, self.config, key)
            sources.append(join_ids(source, tokenizer.eos_id))
            targets.append(join_ids(tokenizer.bos_id, target, tokenizer.eos_id))
        source_tokens, source_padding = pad_rows(sources, tokenizer.pad_id)
        rest = shift_targets(targets, tokenizer.pad_id)
        return {"source": source_tokens, "source_padding": source_padding, **rest}


def count_noise(size: int, config: DenoisingConfig) -> tuple[int, int]:
    """Return how many of a text's tokens are noise, and in how many spans; a token alone is noise."""
    noise = max(1, min(round(size * config.rate), size - 1))
    spans = min(round(noise / config.mean_span), noise, size - noise, config.sentinels)
    return noise, max(1, spans)


def side_lengths(size: int, config: DenoisingConfig) -> tuple[int, int]:
    """Return the lengths of source and target, eos included."""
    noise, spans = count_noise(size, config)
    return size - noise + spans + 1, noise + spans + 1


def find_max_tokens(config: DenoisingConfig, max_source: int, max_target: int) -> int:
    """Return the longest text of which both sides fit."""
    size = 0
    while all(np.less_equal(side_lengths(size + 1, config), (max_source, max_target))):
        size += 1
    if not size:
        raise SynthError(
            f"denoising needs a `max_source` of at least 2 and a `max_target` of at least 3,"
            f" received {max_source} and {max_target}",
            "raise `model.encoder.max_length` and `model.decoder.max_length`",
        )
    return size


def corrupt_spans(
    ids: Ids, first_sentinel: int, config: DenoisingConfig, key: Numbers | np.uint64
) -> tuple[Ids, Ids]:
    """Return a text with sentinels for its noise, and the noise with a sentinel before every span."""
    noise, spans = count_noise(len(ids), config)
    drawn = uniform(np.asarray(key), np.arange(len(ids)))
    text = len(ids) - noise
    texts, noises = divide(text, spans, drawn[:text]), divide(noise, spans, drawn[text:])
    turns = np.stack([texts, noises], axis=1)
    bounds = np.cumsum(turns.ravel())
    parts = np.split(ids, bounds[:-1])  # text, noise, text, noise, ...
    source: list[Ids | int] = []
    target: list[Ids | int] = []
    for number, (kept, span) in enumerate(zip(parts[::2], parts[1::2], strict=True)):
        source += [kept, first_sentinel + number]
        target += [first_sentinel + number, span]
    return join_ids(*source), join_ids(*target)


def divide(total: int, parts: int, drawn: npt.NDArray[np.float64]) -> Indices:
    """Divide a number into positive ones; a single part is all there is, nothing included.

    `drawn` holds a number in [0, 1) for each of the total: cuts stand before those that drew least, the first
    apart.
    """
    if parts == 1:
        return np.array([total])
    cuts = np.sort(np.argsort(drawn[1:], kind="stable")[: parts - 1]) + 1
    return np.diff(cuts, prepend=0, append=total)
