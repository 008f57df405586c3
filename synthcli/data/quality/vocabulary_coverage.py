"""How much of a vocabulary the tokens of a split are: ids that stand anywhere in it, and unknown tokens."""

import numpy as np

from synthcli.data.store.ragged import Ids


class VocabularyCoverage:
    """Remembers one bit an id, and how many tokens there were."""

    def __init__(self, vocab_size: int, unk_id: int) -> None:
        self._is_used = np.zeros(vocab_size, np.bool_)
        self._unk_id, self._tokens, self._unknown = unk_id, 0, 0

    def add(self, ids: Ids) -> None:
        """Count the tokens of a column."""
        self._is_used[ids] = True
        self._tokens += len(ids)
        self._unknown += int((ids == self._unk_id).sum())

    def describe(self) -> dict[str, int]:
        """Return how many tokens there are, how many of them are unknown, and how many ids are used."""
        used = int(self._is_used.sum())
        return {"tokens": self._tokens, "unknown": self._unknown, "ids_used": used}
