"""How many masked tokens a model finds: accuracy, and F1 by token; samples are rows of text."""

import numpy as np
import numpy.typing as npt

from synthcli.errors import SynthError
from synthcli.evaluation.bootstrap import Array, Sampled, ratio
from synthcli.evaluation.score import Score

Tokens = npt.NDArray[np.int64]


def accuracy_of_tokens(rows: int, places: Tokens, guesses: Tokens, truths: Tokens) -> list[Score]:
    """Return the share of masked tokens that are the model's first choice.

    `places` holds the row of each, `rows` how many there are. Raises where there is none.
    """
    refuse_nothing(rows, truths)
    right = np.bincount(places, guesses == truths, rows)
    both = np.stack((100.0 * right, np.bincount(places, minlength=rows)), axis=1)
    return [Score("accuracy", Sampled(both, ratio), "masked tokens whose first choice is right, in per cent")]


def f1_of_tokens(rows: int, places: Tokens, guesses: Tokens, truths: Tokens) -> list[Score]:
    """Return F1 = 2 right / (predicted + true), the mean over the tokens that are masked or predicted."""
    from scipy.sparse import csr_array

    refuse_nothing(rows, truths)
    known, columns = np.unique(np.concatenate((guesses, truths)), return_inverse=True)
    guess, truth = columns[: len(guesses)], columns[len(guesses) :]
    right = guess == truth
    twice = (np.full(right.sum(), 2.0), (places[right], truth[right]))
    either = (
        np.ones(2 * len(truths)),
        (np.concatenate((places, places)), np.concatenate((guess, truth)) + len(known)),
    )
    cells = [np.concatenate(parts) for parts in zip(twice[1], either[1], strict=True)]
    shape = (rows, 2 * len(known))
    statistics = csr_array((np.concatenate((twice[0], either[0])), tuple(cells)), shape=shape)
    protocol = "100 · F1 of a token, the mean over tokens that are masked or predicted in what is evaluated"
    return [Score("f1_tokens", Sampled(statistics, mean_f1), protocol)]


def mean_f1(sums: Array) -> Array:
    """Return the mean over tokens that are masked or predicted, of (…, 2 · tokens) sums."""
    right, either = np.split(np.asarray(sums, dtype=np.float64), 2, axis=-1)
    share = np.divide(right, either, out=np.zeros_like(right), where=either > 0)
    return np.asarray(100 * share.sum(-1) / np.maximum((either > 0).sum(-1), 1))


def refuse_nothing(rows: int, truths: Tokens) -> None:
    """Raise where nothing is masked."""
    if not len(truths):
        message = f"none of the {rows:,} examples holds a masked token"
        raise SynthError(message, "evaluate more examples, or a split with text in it")
