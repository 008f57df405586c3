"""Combinations that cannot make sense, each with the reason."""

from collections.abc import Iterator

from synthcli.model_config.attention import AttentionConfig
from synthcli.model_config.mixers import NoneConfig
from synthcli.model_config.parts import DEFAULT_SLOPE, ModelParts
from synthcli.model_config.recurrent import RecurrentConfig, SRUppConfig

WHAT_SCORES_DO = {
    "rotary": "turns queries and keys",
    "alibi": "lowers scores by the distance of query and key",
}


def problems(config: ModelParts) -> Iterator[str]:
    """Yield what keeps the parts of a model from working together."""
    for stack, layer, mixer in config.mixers():
        where = f"layer {layer} of the {stack}: "
        layers = getattr(config, stack).layers
        if isinstance(mixer, SRUppConfig) and mixer.attention_last is None and mixer.attention_every > layers:
            every = f"`attention_every = {mixer.attention_every}`"
            yield f'{where}{every} gives none of {layers} layers attention; use kind "sru"'
        yield from (where + problem for problem in mixer.problems(config.d_model))
        if config.block.kind == "recurrent" and not isinstance(mixer, RecurrentConfig):
            yield (
                f'{where}`block = "recurrent"` has neither a skip nor a feed-forward, and `{mixer.kind}` '
                'needs both; use `block = "pre-norm"`, or a mixer of kind "sru" or "srupp"'
            )
        if isinstance(mixer, NoneConfig) and not getattr(config.block, "mixer_skip", 1.0):
            kind = config.block.kind
            yield f'{where}`block = "{kind}"` has no skip past the mixer, and "none" lets nothing through'
        if stack == "decoder" and mixer.reads_future is not None:
            yield f"{where}{mixer.reads_future} reads the future, which a decoder has to predict"
    if config.block.kind == "recurrent" and config.d_ff is not None:
        yield f'`d_ff = {config.d_ff}`: `block = "recurrent"` has no feed-forward; leave it out'
    for stack in ("encoder", "decoder"):
        widths = getattr(getattr(config, stack), "layer_d_ff", {})
        if config.block.kind == "recurrent" and widths:
            yield f'`{stack}.layer_d_ff`: `block = "recurrent"` has no feed-forward; leave it out'
    if config.block.kind != "recurrent" and config.d_ff is None:
        yield f'`d_ff`: `block = "{config.block.kind}"` has a feed-forward and needs its width'
    if config.negative_slope != DEFAULT_SLOPE and config.activation != "leaky-relu":
        slope = f"`negative_slope = {config.negative_slope}`"
        yield f'{slope} is that of "leaky-relu", not of "{config.activation}"'
    yield from cross_problems(config)
    yield from embedding_problems(config)


def cross_problems(config: ModelParts) -> Iterator[str]:
    """Yield what is wrong with cross-attention."""
    if config.task != "seq2seq":
        return
    cross = config.cross_attention
    yield from (f"`[model.cross]`: {problem}" for problem in cross.problems(config.d_model))
    if cross.shaping is not None:
        yield (
            "`[model.cross]` has `shaping`: α I + β A − γ C needs as many queries as keys, and a memory has "
            "a length of its own"
        )


def embedding_problems(config: ModelParts) -> Iterator[str]:
    """Yield what is wrong with embeddings and head."""
    embeddings, head = config.embeddings, config.head
    if embeddings.cutoffs and embeddings.cutoffs[-1] >= config.vocab_size:
        yield f"`embeddings.cutoffs` ends at {embeddings.cutoffs[-1]}, the vocabulary at {config.vocab_size}"
    widest, last = embeddings.d_embed or config.d_model, len(embeddings.cutoffs)
    if widest < embeddings.div_val**last:
        yield (
            f"`embeddings.div_val = {embeddings.div_val}` leaves cluster {last} of words nothing of vectors "
            f"{widest} wide"
        )
    longest = max(stack.max_length for stack in (config.encoder, config.decoder) if stack is not None)
    if embeddings.max_positions is not None and embeddings.max_positions < longest:
        yield f"`embeddings.max_positions = {embeddings.max_positions}` is less than `max_length = {longest}`"
    if embeddings.max_positions is not None and embeddings.positions != "learned":
        yield f'`embeddings.max_positions` is the length of a learned table, not of "{embeddings.positions}"'
    if embeddings.div_val > 1 and not embeddings.cutoffs:
        yield f"`embeddings.div_val = {embeddings.div_val}` divides widths of clusters; give `cutoffs` too"
    if embeddings.has_adaptive_head and head.transform:
        yield "`head.transform` has no place before an adaptive softmax; leave one of them out"
    if embeddings.projection != "both" and embeddings.tie != "none":
        projection = f'`embeddings.projection = "{embeddings.projection}"`'
        yield f'{projection} leaves vectors too narrow for logits: use `tie = "none"`, not "{embeddings.tie}"'
    if embeddings.projection == "none":
        yield from find_projection_problems(config)
    if embeddings.positions in WHAT_SCORES_DO:
        yield from relative_problems(config)
    yield from head_problems(config)


def head_problems(config: ModelParts) -> Iterator[str]:
    """Yield what a head has that its task does not read."""
    head = config.head
    if head.output == "hidden" and config.task != "masked-lm":
        yield f'`head.output = "hidden"` belongs to `task = "masked-lm"`, not "{config.task}"'
    elif head.output == "hidden" and (head.transform or head.bias or config.embeddings.tie == "none"):
        yield '`head.output = "hidden"` is no head: it has no `transform`, no `bias`, and tied logits'
    elif config.task != "classification" and (head.pooler or head.output not in ("classes", "hidden")):
        yield f'`head.pooler` and `head.output` belong to `task = "classification"`, not "{config.task}"'
    if config.task == "classification" and config.encoder is None and head.pool == "first":
        yield '`head.pool = "first"`: the first position of a decoder sees no other; use "last" or "mean"'
    if config.task == "classification" and (head.transform or head.bias):
        yield "`head.transform` and `head.bias` belong to language models; a classifier has `pooler`"


def find_projection_problems(config: ModelParts) -> Iterator[str]:
    """Yield what keeps vectors of another width from entering the first layers as they are."""
    embeddings, what = config.embeddings, '`embeddings.projection = "none"`'
    if embeddings.d_embed is None or embeddings.cutoffs:
        yield f"{what} needs `embeddings.d_embed`, the width of its vectors, and takes no `cutoffs`"
    for stack, layer, mixer in config.mixers():
        is_able = config.block.kind == "recurrent" and isinstance(mixer, RecurrentConfig)
        if layer == 0 and not is_able:
            yield (
                f"{what}: layer 0 of the {stack} cannot change the width; "
                'use `block = "recurrent"` and a mixer of kind "sru" or "srupp"'
            )


def relative_problems(config: ModelParts) -> Iterator[str]:
    """Yield the layers whose scores have no query and key to turn or to tell the distance of."""
    positions = config.embeddings.positions
    for stack, layer, mixer in config.mixers():
        scores = mixer.scores if isinstance(mixer, AttentionConfig | SRUppConfig) else ()
        if not any(score.kind == "dot-product" for score in scores):
            yield (
                f'layer {layer} of the {stack}: `embeddings.positions = "{positions}"` '
                f"{WHAT_SCORES_DO[positions]}, and this mixer compares none; "
                'use "learned" or "sinusoidal" positions'
            )
