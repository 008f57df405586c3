"""Small teachers with random weights, and text of their own."""

from pathlib import Path

import pytest
import torch

from synthcli.compress.activations.calibration import Calibration
from synthcli.compress.teacher import Teacher
from synthcli.data.store.store import Store
from tests.compress.small import bert_config, gpt2_config, small_store, small_teacher


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """The built-in `stdlib-code` in WordPiece, a few hundred lines of it."""
    return small_store(tmp_path_factory.mktemp("stores"))


@pytest.fixture(scope="session")
def bert(store: Store) -> Teacher:
    """A post-norm encoder of three layers with biases that are not zero."""
    return small_teacher(bert_config(store.tokenizer.vocab_size), store.tokenizer)


@pytest.fixture(scope="session")
def gpt2(store: Store) -> Teacher:
    """A pre-norm decoder."""
    return small_teacher(gpt2_config(store.tokenizer.vocab_size), store.tokenizer)


@pytest.fixture
def text(store: Store, bert: Teacher) -> Calibration:
    return Calibration(store, "train", bert, max_length=19, limit=40)


@pytest.fixture(autouse=True)
def one_thread_and_seed(tmp_path: Path) -> None:
    torch.manual_seed(0)
