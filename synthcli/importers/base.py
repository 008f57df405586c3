"""What an origin is asked, and what it gives."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from torch import Tensor

from synthcli.importers.refusals import Only
from synthcli.importers.spare import Spare
from synthcli.importers.translate import TranslatedModel


@dataclass(frozen=True)
class ImportSource:
    """`options` are the original's own, as strings; `heads` cannot be read off a weight.

    `base` is a checkpoint that lends what parts of a model do not have.
    """

    path: Path
    options: Mapping[str, str]
    heads: tuple[int, ...] = ()
    base: Path | None = None


@dataclass(frozen=True)
class ImportResult:
    """A translated model; `notes` say what was inferred and what was assumed, a line each.

    `folder` is where tokenizer files may lie beside the weights. `form` is that in which texts were read,
    None where it is not known.
    """

    imported: TranslatedModel
    notes: tuple[str, ...]
    folder: Path | None
    tensors: Mapping[str, Tensor]
    form: str | None = None


@dataclass(frozen=True)
class Origin:
    """One kind of checkpoint; `options` are the words it understands, with their meaning.

    `refusals` are the options of which some values alone are imported, `spares` the tensors that are left
    once they are checked, `structures` the messages of what has no place in our models, by what it is.
    """

    title: str
    read: Callable[[ImportSource], ImportResult]
    options: Mapping[str, str]
    takes_heads: bool = False
    takes_base: bool = False
    refusals: tuple[Only, ...] = ()
    spares: tuple[Spare, ...] = ()
    structures: Mapping[str, str] = field(default_factory=dict)
