"""What is called BLEU, chrF and TER of translations."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from synthcli.errors import SynthError
from synthcli.evaluation.bleu import corpus_bleu, corpus_chrf
from synthcli.evaluation.outputs import Outputs
from synthcli.evaluation.protocols.settings import CannotScoreError, ProtocolSettings
from synthcli.evaluation.score import Score
from synthcli.evaluation.ter import corpus_ter
from synthcli.evaluation.tokenised_bleu import MARK, bleu_of_tokens


def _bleu(name: str, tokenizer: str, outputs: Outputs, settings: ProtocolSettings) -> Score:
    return corpus_bleu(name, outputs.hypotheses, outputs.streams(), tokenizer)


def _flores(name: str, tokenizer: str, outputs: Outputs, settings: ProtocolSettings) -> Score:
    """Return BLEU of SentencePiece's pieces; sacreBLEU would download their model."""
    from sacrebleu.tokenizers import tokenizer_spm
    from sacrebleu.utils import SACREBLEU_DIR

    url = tokenizer_spm.SPM_MODELS[tokenizer]["url"]
    path = Path(SACREBLEU_DIR) / "models" / Path(url).name
    if not path.is_file() or not path.stat().st_size:
        home = Path.home()
        place = f"~/{path.relative_to(home)}" if path.is_relative_to(home) else str(path)
        message = f"the model of its pieces, `{place}`, is not there"
        raise CannotScoreError(message, f"download `{url}` to it")
    try:
        return corpus_bleu(name, outputs.hypotheses, outputs.streams(), tokenizer)
    except (OSError, RuntimeError) as error:
        message = f"`{path}` is no model of SentencePiece: {str(error).splitlines()[0]}"
        raise SynthError(message, f"download `{url}` to it again") from error


def _chrf(name: str, word_order: int, outputs: Outputs, settings: ProtocolSettings) -> Score:
    return corpus_chrf(name, outputs.hypotheses, outputs.streams(), word_order)


def _ter(name: str, outputs: Outputs, settings: ProtocolSettings) -> Score:
    return corpus_ter(name, outputs.hypotheses, outputs.streams())


def _token_bleu(name: str, splits: bool, outputs: Outputs, settings: ProtocolSettings) -> Score:
    """Return BLEU of tokens, which the texts are, or are made into as Moses does."""
    if settings.tokenise is None:
        message = "it is of tokens, and nothing says how the texts become some"
        hint = "`--tokenised`: they stand between white space; `--language de`: as Moses makes them of German"
        raise CannotScoreError(message, hint)
    streams = [outputs.hypotheses, *outputs.streams()]
    if splits:
        refuse_split(streams)
    tokens = [[settings.tokenise(text) for text in stream] for stream in streams]
    return bleu_of_tokens(name, tokens[0], tokens[1:], settings.tokens, splits)


def refuse_split(streams: Sequence[Sequence[str]]) -> None:
    """Raise where compounds are split already: the script would split its own mark."""
    if any(MARK in text for stream in streams for text in stream):
        message = f"it splits compounds, and the texts hold `{MARK}`: some are split"
        raise CannotScoreError(message, "of texts that are all split `bleu-tokenised` is that figure")


TRANSLATION: dict[str, Callable[[Outputs, ProtocolSettings], Score]] = {
    **{f"bleu-{name}": partial(_bleu, f"bleu-{name}", name) for name in ("13a", "intl", "char", "none")},
    **{f"bleu-{name}": partial(_flores, f"bleu-{name}", name) for name in ("flores101", "flores200")},
    "bleu-tokenised": partial(_token_bleu, "bleu-tokenised", False),
    "bleu-compound": partial(_token_bleu, "bleu-compound", True),
    "chrf2": partial(_chrf, "chrf2", 0),
    "chrf2++": partial(_chrf, "chrf2++", 2),
    "ter": partial(_ter, "ter"),
}
