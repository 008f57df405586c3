"""Students from a formula: no gradient step. Adding a start is a file here and a line in `STARTS`."""

from synthcli.compress.distill.closed_forms.greedy_heads import greedy_heads
from synthcli.compress.distill.closed_forms.linear_map import linear_map, mean_output
from synthcli.compress.distill.closed_forms.mean_map import TABLES, mean_map
from synthcli.compress.distill.closed_forms.moving_averages import moving_averages
from synthcli.compress.distill.closed_forms.refit import random_with_ridge
from synthcli.compress.distill.closed_forms.ridge import ridge
from synthcli.compress.distill.closed_forms.teacher_layer import Start, TeacherLayer
from synthcli.compress.distill.closed_forms.whitened_svd import whitened_svd
from synthcli.model_config.attention import AttentionConfig
from synthcli.model_config.mixers import MixerConfig
from synthcli.model_config.recurrent import SRUConfig

FRESH = "random"  # the start that learns nothing from the teacher

STARTS: dict[str, Start] = {
    "whitened-svd": whitened_svd,
    "greedy-heads": greedy_heads,
    "mean-map": mean_map,
    "moving-averages": moving_averages,
    "linear-map": linear_map,
    "mean": mean_output,
    "ridge": random_with_ridge,
    FRESH: TeacherLayer.fresh,
}


def starts_for(config: MixerConfig, layer: TeacherLayer) -> tuple[str, ...]:
    """Return the starts that fit a student, the best first as a rule; a fresh one always does."""
    if config.kind in ("linear", "none"):
        return ({"linear": "linear-map", "none": "mean"}[config.kind],)
    if isinstance(config, SRUConfig) and config.layer_norm == "none" and config.projection is None:
        return ("moving-averages", FRESH) if config.hidden is None else (FRESH,)
    if not isinstance(config, AttentionConfig):
        return (FRESH,)
    kinds = [score.kind for score in config.scores]
    if kinds == ["dot-product"]:
        own, d_model = layer.mixer.config, layer.teacher.config.d_model
        theirs = own.width_of_head(d_model) if isinstance(own, AttentionConfig) else None
        is_as_wide = config.width_of_head(d_model) == theirs
        return ("whitened-svd", *(("greedy-heads",) if is_as_wide else ()), FRESH)
    if len(kinds) == 1 and kinds[0] in TABLES:
        return ("mean-map", "ridge", FRESH)
    return ("ridge", FRESH)


__all__ = ["FRESH", "STARTS", "Start", "TeacherLayer", "ridge", "starts_for"]
