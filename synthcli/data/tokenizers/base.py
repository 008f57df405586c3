"""What every tokenizer can do."""

import json
from pathlib import Path
from typing import Protocol

NAMED, PLAIN = "named", "plain"  # forms of a classifier's texts: `data.forms`
FORMS = (NAMED, PLAIN)
DESCRIPTION = "tokenizer.synth.json"  # names the kind; stands beside the tokenizer's own files
ENDINGS = (".json", ".txt", ".model", ".bpe")  # of a tokenizer's files


class Tokenizer(Protocol):
    """Text to ids and back; `encode_batch` adds neither bos nor eos."""

    @property
    def kind(self) -> str: ...

    @property
    def vocab_size(self) -> int: ...

    @property
    def pad_id(self) -> int: ...

    @property
    def bos_id(self) -> int: ...

    @property
    def eos_id(self) -> int: ...

    @property
    def unk_id(self) -> int: ...

    @property
    def mask_id(self) -> int | None:
        """What hides a token from a masked language model, if there is such an id."""
        ...

    @property
    def ends_texts(self) -> bool:
        """Whether a text that is classified ends with eos, as its publisher's model was trained."""
        ...

    @property
    def hash(self) -> str:
        """The sha256 of what defines it: equal hashes encode alike."""
        ...

    @property
    def form(self) -> str:
        """In which form a classifier's texts are read: `named` or `plain`."""
        ...

    @form.setter
    def form(self, form: str) -> None: ...

    def encode_batch(self, texts: list[str]) -> list[list[int]]: ...

    def decode(self, ids: list[int]) -> str:
        """Return the text of ids; pad, bos, eos and unk leave nothing."""
        ...

    def token(self, number: int) -> str:
        """Return how an id is shown to people."""
        ...

    @property
    def training(self) -> dict[str, object] | None:
        """What its description records of the text it was trained on, if it was."""
        ...

    @training.setter
    def training(self, record: dict[str, object] | None) -> None: ...

    def files(self) -> dict[str, bytes]:
        """Return its own files by name."""
        ...

    def save(self, folder: Path) -> None:
        """Write its files and their description beside whatever the folder holds."""
        ...


class Saved:
    """How every tokenizer is written."""

    mask_id: int | None = None
    form: str = NAMED
    training: dict[str, object] | None = None

    @property
    def ends_texts(self) -> bool:
        return False

    def save(self: Tokenizer, folder: Path) -> None:
        description: dict[str, object] = {"kind": self.kind, "vocab_size": self.vocab_size, "hash": self.hash}
        if self.form != NAMED:
            description["form"] = self.form
        if self.training is not None:
            description["training"] = self.training
        (folder / DESCRIPTION).write_text(json.dumps(description, indent=2) + "\n")
        for name, content in self.files().items():
            (folder / name).write_bytes(content)


def special_ids(tokenizer: Tokenizer) -> dict[str, int]:
    """Return the ids that no text encodes to, by what they are for."""
    ids = {
        "pad": tokenizer.pad_id,
        "bos": tokenizer.bos_id,
        "eos": tokenizer.eos_id,
        "unk": tokenizer.unk_id,
    }
    return ids if tokenizer.mask_id is None else ids | {"mask": tokenizer.mask_id}


def special_name(tokenizer: Tokenizer, number: int) -> str | None:
    """Return how a special id is shown, None for any other."""
    return next((f"<{name}>" for name, special in special_ids(tokenizer).items() if special == number), None)
