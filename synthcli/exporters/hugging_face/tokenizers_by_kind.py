"""Each kind of tokenizer as one of the tokenizers library with the same ids.

Adding a kind is a function and a line in `CONVERTERS`.
"""

from collections.abc import Callable, Container
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from synthcli.data.tokenizers.base import Tokenizer
from synthcli.data.tokenizers.bpe import BYTES
from synthcli.data.tokenizers.byte_level import OFFSET
from synthcli.data.tokenizers.byte_level_bpe import ByteLevelBpeTokenizer
from synthcli.data.tokenizers.gpt2 import Gpt2Tokenizer
from synthcli.data.tokenizers.hugging_face import HuggingFaceTokenizer
from synthcli.data.tokenizers.sentencepiece import SentencePieceTokenizer
from synthcli.data.tokenizers.word_level import WordTokenizer
from synthcli.data.tokenizers.wordpiece import CLS, MASK, PAD, SEP, UNK, WordPieceTokenizer
from synthcli.exporters.markdown import code

if TYPE_CHECKING:
    import tokenizers

ROLES = ("pad", "bos", "eos", "unk")
NAMES = {"pad": "<pad>", "bos": "<s>", "eos": "</s>", "unk": "<unk>"}
NEVER = -1e6  # far below what a text's pieces add up to
LONGEST_PIECE = 16  # characters, as SentencePiece trains them
SPACE = "\u2581"  # SentencePiece's mark of a space
WHITE_SPACE = r"[\s\x1c-\x1f\x85]+"  # where Python cuts words
TIES = (
    "Where two ways to cut a text are equally likely, as a long run of spaces has them, sums of scores "
    "rounded otherwise than SentencePiece's may choose the other: in 1 of 6,317 lines of prose and code, in "
    "3 of 612 lines of code."
)


@dataclass(frozen=True)
class Converted:
    """A tokenizer of the library; `names` are its special tokens by role.

    Where it `splits_marks`, a special token's name that stands in a text is text. `notes` say what differs.
    """

    model: "tokenizers.Tokenizer"
    names: dict[str, str]
    splits_marks: bool = True
    notes: tuple[str, ...] = ()


def sentence_pieces(
    model: "tokenizers.models.Model", names: dict[str, str], notes: tuple[str, ...] = ()
) -> Converted:
    """Return SentencePiece around a model: a space before the text, and every space a mark."""
    from tokenizers import Tokenizer, decoders, normalizers

    whole = Tokenizer(model)
    whole.normalizer = normalizers.Sequence([normalizers.Prepend(SPACE), normalizers.Replace(" ", SPACE)])
    whole.decoder = decoders.Sequence(
        [decoders.Replace(SPACE, " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    whole.add_special_tokens([names[role] for role in ROLES])
    return Converted(whole, names, notes=notes)


def unigram(tokenizer: SentencePieceTokenizer) -> Converted:
    """Return SentencePiece's unigram: the same pieces and scores.

    The library's model reads the names of special tokens as pieces, too. At their score it never does, if all
    of their characters are pieces: so names are made of such.
    """
    from tokenizers import models

    processor = tokenizer._processor
    known = range(len(ROLES), tokenizer.vocab_size)
    pieces = [(processor.id_to_piece(i), processor.get_score(i)) for i in known]
    names = names_beside({piece for piece, _ in pieces})
    pieces = [(names[role], NEVER) for role in ROLES] + pieces
    return sentence_pieces(models.Unigram(pieces, tokenizer.unk_id, byte_fallback=True), names, (TIES,))


def names_beside(pieces: set[str]) -> dict[str, str]:
    """Return names of special tokens that are no pieces, but of characters that are; the usual ones first."""
    alphabet = {piece for piece in pieces if len(piece) == 1}
    letter = min(alphabet - {SPACE}, default=SPACE)
    last = {role: letter * (LONGEST_PIECE + place) for place, role in enumerate(ROLES, start=1)}
    framed = [{role: frame.format(role) for role in ROLES} for frame in ("[{}]", "({})", "-{}-", "{}")]
    return next(
        (
            names
            for names in (NAMES, *framed)
            if set("".join(names.values())) <= alphabet and not pieces & set(names.values())
        ),
        last,
    )


def pair_encoding(tokenizer: SentencePieceTokenizer) -> Converted:
    """Return SentencePiece's BPE: each piece is merged from any two, the best piece first."""
    from tokenizers import models

    processor = tokenizer._processor
    vocabulary = {processor.id_to_piece(i): i for i in range(tokenizer.vocab_size)}
    plain = [
        i
        for i in range(tokenizer.vocab_size)
        if not (processor.is_control(i) or processor.is_unknown(i) or processor.is_byte(i))
    ]
    known = {processor.id_to_piece(i) for i in plain}
    merges = []
    for i in sorted(plain, key=lambda i: -processor.get_score(i)):
        piece = processor.id_to_piece(i)
        halves = [(piece[:cut], piece[cut:]) for cut in range(1, len(piece))]
        merges += [pair for pair in halves if pair[0] in known and pair[1] in known]
    model = models.BPE(vocabulary, merges, unk_token=NAMES["unk"], byte_fallback=True, fuse_unk=False)
    return sentence_pieces(model, NAMES)


def byte_pairs(tokenizer: ByteLevelBpeTokenizer | Gpt2Tokenizer) -> Converted:
    """Return byte-level BPE with its special tokens after the merges."""
    model = tokenizer._bpe
    names = (
        NAMES
        if tokenizer.unk_id >= len(model.get_vocab())
        else NAMES | {"unk": name_of(model, tokenizer.unk_id)}
    )
    model = type(model).from_str(model.to_str())
    ids = {"pad": tokenizer.pad_id, "bos": tokenizer.bos_id, "eos": tokenizer.eos_id, "unk": tokenizer.unk_id}
    model.add_special_tokens([names[role] for role in sorted(ids, key=lambda role: ids[role])])
    return Converted(model, names)


def single_bytes(tokenizer: Tokenizer) -> Converted:
    """Return bytes: BPE that joins nothing."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    specials = {NAMES[role]: number for number, role in enumerate(ROLES)}
    vocabulary = specials | {character: byte + OFFSET for character, byte in BYTES.items()}
    model = Tokenizer(models.BPE(vocabulary, []))
    model.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    model.decoder = decoders.ByteLevel()
    model.add_special_tokens(list(specials))
    return Converted(model, NAMES)


def wordpiece(tokenizer: WordPieceTokenizer) -> Converted:
    """Return WordPiece; BERT's marks in a text are marks, as users of BERT expect."""
    model = type(tokenizer._model).from_str(tokenizer._model.to_str())
    names = {"pad": PAD, "bos": CLS, "eos": SEP, "unk": UNK, "mask": MASK}
    model.add_special_tokens(list(names.values()))
    marks = ", ".join(f"`{name}`" for name in names.values())
    note = f"A text that holds one of {marks} is read as the mark itself; `synth` reads it as any other text."
    return Converted(model, names, splits_marks=False, notes=(note,))


def words(tokenizer: WordTokenizer) -> Converted:
    """Return words between white space; the name of a mark that stands in a text is an unknown word."""
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers

    names = {role: free_name(name, tokenizer.ids) for role, name in NAMES.items()}
    order = [names[role] for role in ROLES]
    vocabulary = {name: number for number, name in enumerate(order)} | tokenizer.ids
    model = Tokenizer(models.WordLevel(vocabulary, unk_token=names["unk"]))
    silent = "|".join(name.replace("|", r"\|") for name in order[:3])
    model.normalizer = normalizers.Replace(
        Regex(rf"(?<![^\s\x1c-\x1f])({silent})(?![^\s\x1c-\x1f])"), names["unk"]
    )
    model.pre_tokenizer = pre_tokenizers.Split(Regex(WHITE_SPACE), "removed")
    model.add_special_tokens(order)
    return Converted(model, names)


def convert_published(tokenizer: HuggingFaceTokenizer) -> Converted:
    """Return a tokenizer that came from such a file; it reads texts as its publisher's does."""
    model = type(tokenizer._model).from_str(tokenizer.description)
    names = {role: name_of(model, number) for role, number in tokenizer.ids.items()}
    added = {token.content for token in model.get_added_tokens_decoder().values()}
    notes: tuple[str, ...] = ()
    if new := ", ".join(code(name) for name in dict.fromkeys(names.values()) if name not in added):
        notes = (f"A text that holds {new} is read as the mark itself; `synth` reads it as any other text.",)
    return Converted(model, names, tokenizer.splits_special, notes if not tokenizer.splits_special else ())


def name_of(model: "tokenizers.Tokenizer", number: int) -> str:
    """Return the name of an id that a tokenizer has."""
    name = model.id_to_token(number)
    assert name is not None, number
    return name


def free_name(name: str, taken: Container[str]) -> str:
    """Return a name for a mark that is no word."""
    while name in taken:
        name = f"<{name}>"
    return name


CONVERTERS: dict[str, Callable[[Any], Converted]] = {  # each is given the kind it is written for
    "sentencepiece-unigram": unigram,
    "sentencepiece-bpe": pair_encoding,
    "byte-level-bpe": byte_pairs,
    "gpt2": byte_pairs,
    "bytes": single_bytes,
    "wordpiece": wordpiece,
    "words": words,
    "huggingface": convert_published,
}
