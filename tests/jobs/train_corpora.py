"""Train a few steps at smoke scale on every slice of a published corpus, and evaluate it by its own metric.

SYNTH_SHARED=DIR python -m tests.jobs.train_corpora
"""

import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from synthcli.jobs.evaluate.evaluate import EvaluationRequest, evaluate_checkpoint
from synthcli.jobs.train import Observer, train_experiment
from synthcli.presets import load_preset

STEPS, JUDGED = 3, 16
SMALL = [
    *("data.tokenizer.kind=bytes", "data.tokenizer.vocab_size=260"),
    *("model.d_model=16", "model.d_ff=32", "model.mixer.heads=2"),
    *(f"training.{key}={STEPS}" for key in ("steps", "evaluate_every", "save_every")),
    *("training.schedule.warmup_steps=1", "training.validation_examples=8"),
]


@dataclass(frozen=True)
class Case:
    """A corpus, where its slice stands, the preset whose task it is, and the scores that must come out."""

    corpus: str
    folder: str
    preset: str
    metric: str
    scores: tuple[str, ...]
    output: str | None = None  # of a classifier: smoke scale has classes
    split: str = "validation"
    stacks: tuple[str, ...] = ("encoder",)

    @property
    def overrides(self) -> list[str]:
        lengths = [f"model.{stack}.max_length=64" for stack in self.stacks]
        layers = [f"model.{stack}.layers=1" for stack in self.stacks]
        evaluated = [f'evaluation.metrics=["{self.metric}"]', f'evaluation.split="{self.split}"']
        head = [f'model.head.output="{self.output}"'] if self.output else []
        return [f'data.corpus="{self.corpus}"', *SMALL, *lengths, *layers, *evaluated, *head]

    def outcome(self, shared: Path) -> dict[str, float]:
        """Train below the current folder and return the scores."""
        source = f'data.source="{shared / "data" / self.folder}"'
        experiment = load_preset(self.preset, "smoke", None, [*self.overrides, source])
        trained = train_experiment(experiment, Observer(say=lambda line: None))
        assert trained.outcome is not None
        request = EvaluationRequest(self.metric, split=self.split, limit=JUDGED, beam=1)
        result = evaluate_checkpoint(trained.run.checkpoints / "last", request)
        return {figure.name: figure.value for figure in result.figures}


def language(corpus: str, folder: str, split: str = "validation") -> Case:
    return Case(corpus, folder, "lm1b-dense", "perplexity", ("perplexity",), None, split, ("decoder",))


def translation(corpus: str, folder: str, preset: str = "wmt14-dense", metric: str = "bleu") -> Case:
    scores = ("rougeL", "rougeLsum") if metric == "rouge" else (metric,)
    return Case(corpus, folder, preset, metric, scores, None, "validation", ("encoder", "decoder"))


def glue(task: str, metric: str = "accuracy", output: str = "classes") -> Case:
    scores = ("pearson", "spearman") if metric == "correlation" else (metric,)
    return Case(f"glue-{task}", "glue", f"glue-{task}-dense", metric, scores, output)


KINDS = {
    "text": language("wikitext-2", "wikitext-2"),
    "pairs": translation("multi30k", "multi30k"),
    "labelled": Case("ag-news", "ag_news_csv", "agnews-dense", "accuracy", ("accuracy",), None, "test"),
    "scored": glue("stsb", "correlation", "regression"),
    "choices": Case(
        "superglue-copa", "superglue", "superglue-copa-dense", "accuracy", ("accuracy",), "choice"
    ),
}
OTHERS = [
    language("wikitext-2-raw", "wikitext-2-raw"),
    language("lm1b", "lm1b"),
    language("enwik8", "enwik8"),
    language("text", "tiny_shakespeare"),
    translation("wmt14-en-de", "wmt14_en_de"),
    translation("parallel:source=en,target=fr", "multi30k"),
    translation("cnn-dailymail", "cnn_dailymail", "cnn-dailymail-dense", "rouge"),
    translation("cnn-dailymail", "cnn_dailymail/cnn", "cnn-dailymail-dense", "rouge"),
    translation("personachat", "personachat/rcdg", "personachat-dense", "rouge"),
    translation("personachat", "personachat/En_persona_valid.json.gz", "personachat-dense", "bleu"),
    *(glue(task) for task in ("sst2", "mrpc", "rte")),
    glue("cola"),
    Case("superglue-boolq", "superglue", "superglue-boolq-dense", "accuracy", ("accuracy",), "classes"),
    Case(
        "csv:text=3,label=1,classes=1+2+3+4,header=no",
        "ag_news_csv/*.csv.gz",
        "agnews-dense",
        "accuracy",
        ("accuracy",),
        None,
        "test",
    ),
]


def main() -> int:
    shared = Path(os.environ["SYNTH_SHARED"]).resolve()
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for case in [*KINDS.values(), *OTHERS]:
            try:
                scores = case.outcome(shared)
                said = ", ".join(f"{name} {value:.4g}" for name, value in scores.items())
            except Exception as error:
                said, failed = f"{type(error).__name__}: {error}", failed + 1
            sys.stdout.write(f"{case.corpus} ({case.folder}) by {case.preset}: {said}\n")
            sys.stdout.flush()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
