"""What a merged layer is to have; what is not said is as in the layers it is made of."""

from synthcli.compress.config import MergedLayerConfig
from synthcli.compress.merge.problem import MergedLayerSpec, MergeProblem
from synthcli.errors import SynthError
from synthcli.model_config.attention import AttentionConfig
from synthcli.model_config.mixers import MixerConfig


def changes(config: MergedLayerConfig, problem: MergeProblem, layer: int) -> list[str]:
    """Return the options that ask for another shape than a layer has."""
    own, mixer = spec_of(problem, layer), mixer_of(problem, layer)
    if isinstance(mixer, AttentionConfig):
        heads, d_head = mixer.heads, mixer.width_of_head(problem.config.d_model)
    else:
        heads, d_head = None, None
    pairs = (("heads", heads), ("d_head", d_head), ("d_ff", own.d_ff))
    return [
        f"--{name.replace('_', '-')} {asked}"
        for name, has in pairs
        if (asked := getattr(config, name)) not in (None, has)
    ]


def new_spec(
    config: MergedLayerConfig, problem: MergeProblem, layer: int, limits: tuple[int, int] | None = None
) -> MergedLayerSpec:
    """Return the shape of a merged layer that is like `layer` but for what is asked.

    `limits` are the heads and neurons there are to choose from.
    """
    own = spec_of(problem, layer)
    if limits is not None:
        refuse_more("heads", config.heads, limits[0])
        refuse_more("d-ff", config.d_ff, limits[1])
    return MergedLayerSpec(_mixer(config, problem, own.mixer), config.d_ff or own.d_ff)


def _mixer(config: MergedLayerConfig, problem: MergeProblem, own: MixerConfig) -> MixerConfig:
    """Return a mixer like another, of so many heads of such a width."""
    if config.heads is None and config.d_head is None:
        return own
    if not isinstance(own, AttentionConfig):
        what = "--heads" if config.heads is not None else "--d-head"
        raise SynthError(f"`{what}` is for attention, and the layers have `{own.kind}`", "leave it out")
    width = config.d_head or own.width_of_head(problem.config.d_model)
    changed = own.model_copy(update={"heads": config.heads or own.heads, "d_head": width})
    for reason in changed.problems(problem.config.d_model):
        raise SynthError(reason, "name other `--heads` or `--d-head`")
    return changed


def mixer_of(problem: MergeProblem, layer: int) -> MixerConfig:
    return problem.config.mixer_of(getattr(problem.config, problem.span.stack), layer)


def spec_of(problem: MergeProblem, layer: int) -> MergedLayerSpec:
    """Return the shape a layer of the teacher has."""
    width = problem.config.d_ff_of(getattr(problem.config, problem.span.stack), layer)
    if width is None:
        kind = problem.config.block.kind
        raise SynthError(
            f'`block = "{kind}"` has no feed-forward: its layers cannot be merged', "name another teacher"
        )
    return MergedLayerSpec(mixer_of(problem, layer), width)


def refuse_more(option: str, asked: int | None, there: int) -> None:
    """Raise where more is asked for than there is to choose from."""
    if asked is not None and not 1 <= asked <= there:
        hint = f"allowed: 1 to {there}"
        raise SynthError(f"`--{option} {asked}`: the layers have {there} to choose from", hint)
