"""Let a checkpoint write: piece by piece, in the order of the prompts, however many are written at once."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import torch

from synthcli.data.corpora import find_corpus
from synthcli.data.tokenizers import Tokenizer
from synthcli.device import current_device
from synthcli.errors import SynthError
from synthcli.evaluation.beam_search import SearchOptions
from synthcli.evaluation.config import EvaluationConfig
from synthcli.evaluation.decoding import continue_text, search_options, translate
from synthcli.evaluation.fill_mask import guesses
from synthcli.evaluation.generation import Token, answer, go_on
from synthcli.evaluation.measure import refuse_headless
from synthcli.evaluation.token_sampling import GREEDY, Sampling
from synthcli.jobs.shortage import suggest_less
from synthcli.model import CausalLM, MaskedLM, Seq2Seq
from synthcli.runs import read_experiment, run_of
from synthcli.training.checkpoints import load_model

MASKS = ("[MASK]", "<mask>")  # how a prompt says that something is hidden, whatever the tokenizer calls it
GUESSES = 5
UNFINISHED = "�"  # what decoding shows of a character whose other bytes are still to come


@dataclass(frozen=True)
class Piece:
    """Text to be shown for the prompt `number`; `facts` come with its last piece, where `is_last`."""

    number: int
    text: str
    is_last: bool
    facts: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Asked:
    """How to write: a beam, or greedily, or by chance; `batch_size` prompts at once."""

    search: EvaluationConfig
    sampling: Sampling = GREEDY
    batch_size: int = 16


class Writer:
    """A model ready to write."""

    def __init__(self, path: Path, asked: Asked) -> None:
        self.asked = asked
        model, self.tokenizer = load_model(path)
        self.model = model.to(current_device())
        self.config = self.model.config
        if self.config.task == "classification":
            hint = "evaluate it with `synth eval accuracy`"
            raise SynthError(f"a model of task `{self.config.task}` does not write", hint)
        refuse_headless(self.config)
        self.answers = isinstance(self.model, CausalLM) and has_learnt_to_answer(path)
        if isinstance(self.model, MaskedLM):
            refuse_unmasked(self.tokenizer, asked)

    def pieces(self, prompts: Iterable[str]) -> Iterator[Piece]:
        """Yield pieces of text, prompt after prompt; prompts are read as they are needed."""
        rest, first = iter(prompts), 0
        while batch := list(islice(rest, self.asked.batch_size)):
            with suggest_less(self._sizes):
                yield from self._batch(batch, first)
            first += len(batch)

    @property
    def _sizes(self) -> dict[str, int]:
        """What decides how much memory is taken, by its option: a beam is of one prompt at a time."""
        beam = self.asked.search.beam
        return {"--beam": beam} if beam > 1 else {"--batch-size": self.asked.batch_size}

    def _batch(self, prompts: list[str], first: int) -> Iterator[Piece]:
        if isinstance(self.model, MaskedLM):
            yield from (self._fill_masks(prompt, first + n) for n, prompt in enumerate(prompts))
        elif self.asked.search.beam > 1:
            yield from self._write_searched(prompts, first)
        else:
            begins = prompts if self._is_lm and not self.answers else [""] * len(prompts)
            yield from in_order(self._streams(prompts, first), begins, self.tokenizer, first)

    @property
    def _is_lm(self) -> bool:
        return isinstance(self.model, CausalLM)

    @property
    def _search(self) -> SearchOptions:
        limit = self.config.max_target_length
        assert limit is not None
        return search_options(self.tokenizer, self.asked.search, limit, self.config.is_endless)

    @property
    def _window(self) -> int | None:
        """Return how far back an endless model looks."""
        limit = self.config.max_target_length
        return (self.asked.search.window or limit) if self.config.is_endless else None

    def _streams(self, prompts: list[str], first: int) -> Iterator[Token]:
        ids = self._ids(prompts, first)
        if isinstance(self.model, Seq2Seq):
            return answer(self.model, ids, self._search, self.asked.sampling, first)
        assert isinstance(self.model, CausalLM)
        return go_on(self.model, ids, self._search, self.asked.sampling, self._window, first)

    def _ids(self, prompts: list[str], first: int) -> list[list[int]]:
        """Return what the model reads of each prompt; one that leaves no room is refused by its number."""
        config, tokenizer, is_lm = self.config, self.tokenizer, self._is_lm
        limit = config.max_target_length if is_lm else config.max_source_length
        begin = [tokenizer.bos_id] if is_lm else []
        end = [tokenizer.eos_id] if not is_lm or self.answers else []
        rows = [[*begin, *ids, *end] for ids in tokenizer.encode_batch(prompts)]
        for number, ids in enumerate(rows, start=first + 1):
            if limit is not None and len(ids) > limit and not (is_lm and config.is_endless):
                message = f"prompt {number} of {len(ids) - 1} tokens leaves no room in {limit} positions"
                raise SynthError(message, "shorten the prompt")
        return rows

    def _write_searched(self, prompts: list[str], first: int) -> Iterator[Piece]:
        """Yield whole texts: what a beam holds best is known at its end."""
        for number, ids in enumerate(self._ids(prompts, first)):
            if isinstance(self.model, Seq2Seq):
                (found,) = translate(self.model, torch.tensor([ids]), None, self._search)
                text = self.tokenizer.decode(list(found.tokens))
            else:
                assert isinstance(self.model, CausalLM)
                found = continue_text(self.model, torch.tensor(ids), self._search, self._window)
                text = self.tokenizer.decode(list(found.tokens))
                text = text if self.answers else prompts[number] + text
            facts = {"tokens": len(found.tokens), "is_finished": found.is_finished, "score": found.score}
            yield Piece(first + number, text, True, facts)

    def _fill_masks(self, prompt: str, number: int) -> Piece:
        """Return a text with its masks filled in, each by itself."""
        assert isinstance(self.model, MaskedLM)
        parts = split_at_masks(prompt)
        if len(parts) == 1:
            hint = (
                f"write `{MASKS[0]}` where a word is to be guessed; only causal-lm and seq2seq go on writing"
            )
            raise SynthError(
                f"prompt {number + 1} hides nothing, and a masked-lm guesses what is hidden", hint
            )
        tokenizer, mask = self.tokenizer, self.tokenizer.mask_id
        assert mask is not None
        ids = [tokenizer.bos_id]
        for place, encoded in enumerate(tokenizer.encode_batch(parts)):
            ids += ([mask] if place else []) + encoded
        ids.append(tokenizer.eos_id)
        limit = self.config.max_source_length
        if limit is not None and len(ids) > limit:
            message = f"prompt {number + 1} of {len(ids) - 2} tokens leaves no room in {limit} positions"
            raise SynthError(message, "shorten the prompt")
        banned = (mask, tokenizer.pad_id, tokenizer.bos_id, tokenizer.eos_id, tokenizer.unk_id)
        found = guesses(self.model, torch.tensor(ids), mask, banned, GUESSES)
        words = [[(tokenizer.decode([g.token]).strip(), g.probability) for g in one] for one in found]
        text = parts[0] + "".join(best[0][0] + part for best, part in zip(words, parts[1:], strict=True))
        shown = [[{"token": w, "probability": round(p, 6)} for w, p in one] for one in words]
        return Piece(number, text, True, {"masks": shown})


def split_at_masks(prompt: str) -> list[str]:
    """Return what stands between masks."""
    for mask in MASKS[1:]:
        prompt = prompt.replace(mask, MASKS[0])
    return prompt.split(MASKS[0])


def refuse_unmasked(tokenizer: Tokenizer, asked: Asked) -> None:
    if tokenizer.mask_id is None:
        message = f"the tokenizer `{tokenizer.kind}` of this masked-lm has no mask to fill"
        raise SynthError(message, "evaluate the model with `synth eval perplexity`")
    if asked.search.beam > 1 or asked.sampling.temperature:
        message = "a masked-lm fills masks with what is most probable: no beam, no temperature"
        raise SynthError(message, "leave `--beam`, `--temperature`, `--top-k` and `--top-p` out")


def has_learnt_to_answer(path: Path) -> bool:
    """Whether a language model was trained on pairs: after a text and its end comes what answers it."""
    run = run_of(path)
    if run is None:
        return False
    with suppress(SynthError):  # a preset that cannot be read says nothing
        return find_corpus(read_experiment(run).data.corpus).kind == "pairs"
    return False


def in_order(tokens: Iterator[Token], begins: list[str], tokenizer: Tokenizer, first: int) -> Iterator[Piece]:
    """Yield the first prompt's text as it comes and keep the others' until it is their turn.

    `begins` are what the texts begin with, prompts that are continued.
    """
    ids: list[list[int]] = [[] for _ in begins]
    shown, ended, turn = [""] * len(begins), [False] * len(begins), 0
    if begins[0]:
        yield Piece(first, begins[0], False)
    for token in tokens:
        if token.token is None:
            ended[token.row] = True
        else:
            ids[token.row].append(token.token)
        while turn < len(begins) and (token.row == turn or ended[turn]):
            new = text_since(tokenizer.decode(ids[turn]), shown[turn], ended[turn])
            shown[turn] += new
            facts = {"tokens": len(ids[turn])} if ended[turn] else {}
            if new or ended[turn]:
                yield Piece(first + turn, new, ended[turn], facts)
            if not ended[turn]:
                break
            turn += 1
            if turn < len(begins) and begins[turn]:
                yield Piece(first + turn, begins[turn], False)


def text_since(text: str, shown: str, is_whole: bool) -> str:
    """Return what is new of a text, without a character that is not whole yet.

    A later token may change how an earlier one is written; what was shown stands, as far as it goes.
    """
    if not is_whole:
        text = text.rstrip(UNFINISHED)
    return text[len(shown) :]


def generate_texts(path: Path, prompts: list[str], config: EvaluationConfig) -> Iterator[str]:
    """Yield a translation, or a prompt and its continuation, for each prompt."""
    text = ""
    for piece in Writer(path, Asked(config)).pieces(prompts):
        text += piece.text
        if piece.is_last:
            yield text
            text = ""
