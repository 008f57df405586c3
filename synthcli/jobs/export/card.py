"""What is known of a checkpoint: the facts of its model card."""

from dataclasses import replace

from torch import nn

import synthcli
from synthcli.data.corpora import CORPORA, find_corpus
from synthcli.data.tokenizers.base import NAMED
from synthcli.evaluation.result import Result
from synthcli.exporters.export_bundle import CardFacts, GenerationSettings, Metric
from synthcli.exporters.folding import Folded
from synthcli.jobs.evaluate.evaluate import experiment_of
from synthcli.jobs.export.recipe import recipe_of, title_of
from synthcli.model import count_parameters
from synthcli.presets.paper import Paper
from synthcli.presets.schema import Experiment
from synthcli.runs import Run, run_of
from synthcli.training.checkpoints import Checkpoint

NAMES = (
    "It read each field of a row after its name, in one text: write yours so, `sentence1: … sentence2: …`."
)
WRITTEN = ("bleu", "rouge", "cider")  # metrics of what a model writes


def name_of(checkpoint: Checkpoint) -> str:
    """Return the name of a checkpoint's preset; outside a run, of its folder."""
    run = run_of(checkpoint.path)
    return checkpoint.path.name if run is None else run.name


def generation_settings_of(checkpoint: Checkpoint) -> GenerationSettings:
    """Return how its preset lets it write."""
    experiment = experiment_of(checkpoint)
    if experiment is None:
        return GenerationSettings()
    config = experiment.evaluation
    return GenerationSettings(config.beam, config.length_penalty, config.max_length)


def card_of(checkpoint: Checkpoint, folded: Folded, model: nn.Module) -> CardFacts:
    """Return the facts; those of the training are known of a checkpoint within its run."""
    experiment = experiment_of(checkpoint)
    facts = CardFacts(
        synth=synthcli.__version__,
        parameters=count_parameters(folded.model),
        trained_parameters=count_parameters(model),
        step=checkpoint.step,
        folded=folded.changes,
        metrics=metrics_of(checkpoint),
    )
    if experiment is None:
        return facts
    return replace(add_training(facts, experiment), notes=notes_on_form(checkpoint, experiment))


def add_training(facts: CardFacts, experiment: Experiment) -> CardFacts:
    """Add what an experiment tells."""
    corpus, paper = find_corpus(experiment.data.corpus), experiment.paper
    return replace(
        facts,
        recipe=recipe_of(experiment),
        title=title_of(experiment),
        corpus=corpus.name,
        corpus_title=corpus.title,
        corpus_url=corpus.url,
        corpus_licence=corpus.licence,
        paper=None if paper is None else place_in(paper),
        paper_url=None
        if paper is None
        else paper.url or (paper.arxiv and f"https://arxiv.org/abs/{paper.arxiv}"),
    )


def notes_on_form(checkpoint: Checkpoint, experiment: Experiment) -> tuple[str, ...]:
    """Say that texts of several fields are to be written as one, where a classifier learnt them so."""
    has_fields = find_corpus(experiment.data.corpus).has_fields and experiment.model.task == "classification"
    return (NAMES,) if has_fields and checkpoint.tokenizer.form == NAMED else ()


def place_in(paper: Paper) -> str:
    """Return a paper's name, and the table, figure and row that are reproduced."""
    places = {"table": paper.table, "figure": paper.figure, "row": paper.row}
    return ", ".join([paper.name, *(f"{what} {which}" for what, which in places.items() if which)])


def search_of(result: Result) -> str:
    """Return how the texts that were evaluated were searched for; nothing where none were written."""
    if result.metric not in WRITTEN:
        return ""
    beam = result.options["beam"]
    return "; greedy" if beam == 1 else f"; beam {beam}, length penalty {result.options['length_penalty']}"


def dataset_of(result: Result) -> dict[str, str | None]:
    """Return the title of what was evaluated on, and where the hub has it."""
    corpus = CORPORA.get(result.corpus)
    if corpus is None:
        return {}
    table = {"corpus_title": corpus.title}
    if corpus.hub is None:
        return {**table}
    split = corpus.hub.splits.get(result.split, result.split)
    return {
        **table,
        "dataset": corpus.hub.id,
        "dataset_config": corpus.hub.config,
        "dataset_split": split,
    }


def results_of(run: Run) -> list[Result]:
    """Return the evaluations of a run, by name; whatever else lies among its results is none."""
    return [Result.from_json(table) for table in run.read_results().values() if "figures" in table]


def metrics_of(checkpoint: Checkpoint) -> tuple[Metric, ...]:
    """Return the figures of every evaluation of this checkpoint."""
    run = run_of(checkpoint.path)
    if run is None:
        return ()
    return tuple(
        Metric(
            name=figure.name,
            value=figure.value,
            interval=figure.interval,
            protocol=figure.protocol + search_of(result),
            signature=figure.signature,
            corpus=result.corpus,
            split=result.split,
            samples=result.samples,
            split_size=result.split_size,
            options=result.options,
            limit=result.limit,
            **dataset_of(result),
        )
        for result in results_of(run)
        if result.step == checkpoint.step
        for figure in result.figures
    )
