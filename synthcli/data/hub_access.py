"""Whether the Hugging Face hub is there: asked once and briefly, where its client would try for long."""

import os
from typing import Literal

SECONDS_TO_ANSWER = 10.0


def is_offline() -> bool:
    """Whether the environment forbids the hub, in the words of the hub's own libraries."""
    words = (os.environ.get(key, "") for key in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE"))
    return any(word.upper() in ("1", "ON", "YES", "TRUE") for word in words)


def ask(kind: Literal["dataset", "model"], name: str, revision: str) -> None:
    """Ask for a repository; raises whatever the client does where there is no answer."""
    from huggingface_hub import HfApi

    HfApi().repo_info(name, repo_type=kind, revision=revision, timeout=SECONDS_TO_ANSWER)
