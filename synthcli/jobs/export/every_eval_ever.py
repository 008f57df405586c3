"""Results of a run in the schema of Every Eval Ever, where evaluations of many programs lie side by side.

https://github.com/evaleval/every_eval_ever, schema 0.3.0: a file holds what one model came to on one corpus,
and lies at `data/<corpus>/<owner>/<model>/<uuid>.json`. Every figure brings its interval, protocol and
signature, and how many samples of the split it is of. Samples of their own are not written: that schema asks
of each whether it is *correct*, which no translation is or is not.
"""

import hashlib
import json
import re
import time
import uuid
from collections.abc import Mapping
from pathlib import Path

import synthcli
from synthcli import atomic_files
from synthcli.data.corpora import CORPORA
from synthcli.disk import guard_write
from synthcli.errors import SynthError
from synthcli.evaluation.result import Figure, Result
from synthcli.jobs.export.card import WRITTEN, dataset_of, place_in, results_of
from synthcli.jobs.export.push import refuse_name
from synthcli.runs import Run, read_experiment

SCHEMA = "0.3.0"
PERCENT, CORRELATION, NATURAL = ("percent", 0, 100), ("percent", -100, 100), (0, "Infinity")
BOUNDS: Mapping[str, tuple[str, float, float | str]] = {
    **dict.fromkeys(("bleu", "bleu1", "chrf", "rouge1", "rouge2", "rougeL", "rougeLsum"), PERCENT),
    **dict.fromkeys(("accuracy", "exact_match", "f1", "f1_macro", "f1_tokens"), PERCENT),
    **dict.fromkeys(("matthews", "pearson", "spearman"), CORRELATION),
    "cider": ("CIDEr-D times 100", 0, 1000),
    "perplexity": ("perplexity of a token", 1, "Infinity"),
    "perplexity_per_word": ("perplexity of a word", 1, "Infinity"),
    "bits_per_byte": ("bits", *NATURAL),
    "kl": ("nats", *NATURAL),
}
"""The unit of a figure, the least and the most it can be; of others the schema is told nothing."""

SPLITS = {"validation": "val"}  # the schema's word
Table = dict[str, object]


def write_logs(run: Run, model: str, folder: Path) -> list[Path]:
    """Write a file for each corpus that a run was evaluated on, and return their paths.

    `model` is its id on the hub, `owner/name`. The same results have the same file, which is left as it is.
    """
    refuse_name("--as", model)
    results = results_of(run)
    if not results:
        raise SynthError(
            f"`{run.path}` has no results", f"make some first: `synth eval perplexity {run.path}`"
        )
    paths = []
    for corpus in dict.fromkeys(result.corpus for result in results):
        log = describe_results(run, model, [one for one in results if one.corpus == corpus])
        path = folder / path_of(log, corpus)
        paths.append(path)
        with guard_write(f"`{path}`", path, "name another folder with `-o`"):
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.exists():
                atomic_files.write_text(path, json.dumps(log, indent=2, ensure_ascii=False) + "\n")
    return paths


def path_of(log: Table, corpus: str) -> Path:
    """Return where a file lies in the datastore; its name is made of what was measured, not of when."""
    own = {key: log[key] for key in ("model_info", "evaluation_results")}
    digest = hashlib.sha256(json.dumps(own, sort_keys=True).encode()).digest()
    name = uuid.UUID(bytes=digest[:16], version=4)
    collection = re.sub(r"[^\w.-]+", "-", corpus).strip("-.") or "corpus"
    model = log["model_info"]
    assert isinstance(model, dict)
    return Path("data", collection, *model["id"].split("/"), f"{name}.json")


def describe_results(run: Run, model: str, results: list[Result]) -> Table:
    """Return what results on one corpus are in the words of the schema."""
    now = str(int(time.time()))
    return {
        "schema_version": SCHEMA,
        "evaluation_id": f"{results[0].corpus}/{model}/{now}",
        "retrieved_timestamp": now,
        "source_metadata": {
            "source_name": "synth eval",
            "source_type": "evaluation_run",
            "source_organization_name": model.partition("/")[0],
            "evaluator_relationship": "first_party",
        },
        "eval_library": {"name": "synth", "version": synthcli.__version__},
        "model_info": _describe_model(run, model),
        "evaluation_results": [
            _describe_figure(result, figure) for result in results for figure in result.figures
        ],
    }


def _describe_model(run: Run, model: str) -> Table:
    experiment = read_experiment(run)
    paper = experiment.paper
    details = {"preset": experiment.name, "scale": experiment.scale, "task": experiment.model.task}
    return {
        "name": model.partition("/")[2],
        "id": model,
        "developer": model.partition("/")[0],
        "inference_engine": {"name": "synth", "version": synthcli.__version__},
        "additional_details": {
            "deployment_type": "self_deployed",
            "model_availability": "unknown",
            **{key: word for key, word in details.items() if word},
            **({} if paper is None else {"paper": place_in(paper)}),
        },
    }


def _describe_figure(result: Result, figure: Figure) -> Table:
    notes = "; ".join(result.notes)
    details = {
        "protocol": figure.protocol,
        "signature": figure.signature,
        "device": result.device,
        "notes": notes,
    }
    score: Table = {
        "score": figure.value,
        "details": {
            **{key: word for key, word in details.items() if word},
            "step": str(result.step),
            "split_size": str(result.split_size),
            "store": result.store,
        },
    }
    if figure.interval is not None:
        score["uncertainty"] = _describe_interval(result, figure.interval)
    table: Table = {
        "evaluation_name": f"{result.corpus}, {result.split}",
        "source_data": _describe_data(result),
        "metric_config": _describe_metric(figure),
        "score_details": score,
    }
    if result.metric in WRITTEN:
        table["generation_config"] = {
            "additional_details": {
                key: str(result.options[key])
                for key in ("beam", "length_penalty", "max_length")
                if result.options.get(key) is not None
            }
        }
    return table


def _describe_interval(result: Result, interval: tuple[float, float]) -> Table:
    how = {"confidence_level": 0.95, "method": "percentiles of bootstrap resamples of the samples"}
    counts = {"num_samples": result.samples, "num_bootstrap_samples": result.options.get("bootstrap")}
    return {
        "confidence_interval": {"lower": interval[0], "upper": interval[1], **how},
        **{key: count for key, count in counts.items() if count is not None},
    }


def _describe_metric(figure: Figure) -> Table:
    table: Table = {
        "evaluation_description": figure.protocol,
        "metric_id": figure.name,
        "metric_name": figure.name,
        "lower_is_better": not figure.higher_is_better,
    }
    if figure.name not in BOUNDS:
        return table
    unit, least, most = BOUNDS[figure.name]
    bounds = {"score_type": "continuous", "min_score": least, "max_score": most}
    return {**table, "metric_unit": unit, **bounds}


def _describe_data(result: Result) -> Table:
    """Return what was evaluated on: a dataset of the hub, one at an address, or files of the user's own."""
    corpus, found = CORPORA.get(result.corpus), dataset_of(result)
    if found.get("dataset"):
        config = found.get("dataset_config")
        return {
            "dataset_name": result.corpus,
            "source_type": "hf_dataset",
            "hf_repo": found["dataset"],
            "hf_split": SPLITS.get(str(result.split), result.split),
            "samples_number": result.samples,
            **({"additional_details": {"config": config}} if config else {}),
        }
    if corpus is not None and corpus.url:
        return {"dataset_name": result.corpus, "source_type": "url", "url": [corpus.url]}
    return {"dataset_name": result.corpus, "source_type": "other"}
