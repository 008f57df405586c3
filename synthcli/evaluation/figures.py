"""Every figure by its name: a function of sums over samples, so that kept statistics are figures again."""

from collections.abc import Callable, Mapping

from synthcli.evaluation.bleu import bleu_of, chrf_of
from synthcli.evaluation.bootstrap import Array, ratio
from synthcli.evaluation.confusion import f1_of_all, f1_of_one, matthews_correlation
from synthcli.evaluation.correlation import pearson
from synthcli.evaluation.perplexity import bits_of, loss_of, perplexity_of

FIGURES: Mapping[str, Callable[[Array], Array]] = {
    "bleu": bleu_of,
    "bleu1": bleu_of,
    "chrf": chrf_of,
    "rougeL": ratio,
    "rougeLsum": ratio,
    "rouge1": ratio,
    "rouge2": ratio,
    "cider": ratio,
    "accuracy": ratio,
    "exact_match": ratio,
    "perplexity": perplexity_of,
    "perplexity_per_word": perplexity_of,
    "bits_per_byte": bits_of,
    "loss": loss_of,
    "f1": f1_of_one,
    "f1_macro": f1_of_all,
    "matthews": matthews_correlation,
    "pearson": pearson,
    "spearman": pearson,
}
