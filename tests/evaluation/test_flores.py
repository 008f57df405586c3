"""BLEU of pieces, whose model sacreBLEU would download: taken where it is at hand, and refused where not."""

from pathlib import Path

import pytest
import sentencepiece
from sacrebleu.metrics.bleu import BLEU

from synthcli.errors import SynthError
from synthcli.evaluation.outputs import Outputs
from synthcli.evaluation.protocols.settings import CannotScoreError, ProtocolSettings
from synthcli.evaluation.protocols.translation import TRANSLATION

from .written_texts import OUTPUTS, REFERENCES

ONE = Outputs([None] * 60, [(text,) for text in REFERENCES], OUTPUTS)
MODEL = "flores200sacrebleuspm"


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that sacreBLEU looks for models in; nothing is downloaded to it."""
    for module in ("sacrebleu.utils", "sacrebleu.tokenizers.tokenizer_spm"):
        monkeypatch.setattr(f"{module}.SACREBLEU_DIR", str(tmp_path))
    folder = tmp_path / "models"
    folder.mkdir()
    return folder


def test_a_model_that_is_not_there_is_said_and_not_downloaded(models: Path) -> None:
    with pytest.raises(CannotScoreError) as refused:
        TRANSLATION["bleu-flores200"](ONE, ProtocolSettings())
    assert str(refused.value) == (
        f"the model of its pieces, `{models / MODEL}`, is not there\n"
        f"hint: download `https://tinyurl.com/flores200sacrebleuspm` to it"
    )
    (models / MODEL).touch()  # what a broken download leaves
    with pytest.raises(CannotScoreError):
        TRANSLATION["bleu-flores200"](ONE, ProtocolSettings())


def test_a_model_at_hand_is_taken(models: Path, tmp_path: Path) -> None:
    text = tmp_path / "text"
    text.write_text("\n".join([*REFERENCES, *OUTPUTS]))
    sentencepiece.SentencePieceTrainer.train(
        input=str(text), model_prefix=str(models / MODEL), vocab_size=80, minloglevel=2
    )
    (models / f"{MODEL}.model").rename(models / MODEL)
    score = TRANSLATION["bleu-flores200"](ONE, ProtocolSettings())
    metric = BLEU(force=True, tokenize="flores200")
    assert score.value == pytest.approx(metric.corpus_score(OUTPUTS, [REFERENCES]).score, abs=1e-10)
    assert score.signature == str(metric.get_signature()) and "|tok:flores200|" in score.signature


def test_a_damaged_model_is_refused(models: Path) -> None:
    (models / MODEL).write_bytes(b"no model")
    with pytest.raises(SynthError) as refused:
        TRANSLATION["bleu-flores200"](ONE, ProtocolSettings())
    assert refused.value.message.startswith(f"`{models / MODEL}` is no model of SentencePiece")
