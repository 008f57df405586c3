"""Which ids of a vocabulary stand anywhere in a split."""

import numpy as np

from synthcli.data.store.ragged import Ids


class Used:
    """Remembers one bit an id."""

    def __init__(self, vocab_size: int) -> None:
        self._is_used = np.zeros(vocab_size, np.bool_)

    def add(self, ids: Ids) -> None:
        self._is_used[ids] = True

    def count(self) -> int:
        return int(self._is_used.sum())
