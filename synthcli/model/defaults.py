"""What an attention mixer is in a skipless block when a configuration leaves it open (He & Hofmann 2023)."""

from typing import Any

SHAPED_BLOCKS = ("skipless", "skipless-parallel")
IN_SKIPLESS: dict[str, Any] = {
    "shaping": {},
    "value": "identity",
    "first_value": {"kind": "residual"},
    "output": "identity",
}


def with_shaped_attention(model: Any) -> Any:
    """Return the table of a model with shaped attention filled in where its block has no skip.

    Values and output are identities, the first layer's values an identity that training leaves, and W_q = 0:
    at the start every head is M = I.
    """
    if not isinstance(model, dict) or _kind(model.get("block")) not in SHAPED_BLOCKS:
        return model
    model = {**model, "mixer": _shaped(model.get("mixer", {}))}
    for name in ("encoder", "decoder"):
        stack = model.get(name)
        if isinstance(stack, dict):
            model[name] = _in_stack(stack)
    return model


def _in_stack(stack: dict[str, Any]) -> dict[str, Any]:
    stack = dict(stack)
    if stack.get("mixer") is not None:
        stack["mixer"] = _shaped(stack["mixer"])
    if isinstance(stack.get("layer_mixers"), dict):
        stack["layer_mixers"] = {layer: _shaped(mixer) for layer, mixer in stack["layer_mixers"].items()}
    return stack


def _shaped(mixer: Any) -> Any:
    if not isinstance(mixer, dict) or mixer.get("kind", "attention") != "attention":
        return mixer
    scores = mixer.get("scores", [{"kind": "dot-product"}])
    if isinstance(scores, list | tuple):
        scores = [_with_zero_query(score) for score in scores]
    # heads of another width cannot do without projections
    filled = {"shaping": {}} if mixer.get("d_head") is not None else IN_SKIPLESS
    return {**filled, **mixer, "scores": scores}


def _with_zero_query(score: Any) -> Any:
    is_dot = isinstance(score, dict) and score.get("kind") == "dot-product"
    return {"zero_query": True, **score} if is_dot else score


def _kind(block: Any) -> Any:
    return (
        block.get("kind")
        if isinstance(block, dict)
        else block
        if isinstance(block, str)
        else getattr(block, "kind", None)
    )
