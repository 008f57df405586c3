"""The scales of a preset, from its file alone."""

from synthcli.presets.files import find_preset, read_preset
from synthcli.presets.resolve import PAPER_SCALE, inherit_preset

SMALLEST_SCALE = "smoke"


def scales_of(word: str) -> list[str | None]:
    """Return the scales of a preset; a run's own file has one, which goes without saying."""
    path = find_preset(word)
    if isinstance(read_preset(path).get("scale"), str):
        return [None]
    overlays = inherit_preset(path).get("scale", {})
    return list({PAPER_SCALE: None} | dict.fromkeys(overlays)) if isinstance(overlays, dict) else [None]


def smallest_scale(name: str) -> str | None:
    """Return the scale to check a preset at: `smoke` where it has one, since structure has no size."""
    path = find_preset(name)
    if isinstance(read_preset(path).get("scale"), str):
        return None  # a run's own file has been resolved
    overlays = inherit_preset(path).get("scale", {})
    return SMALLEST_SCALE if isinstance(overlays, dict) and SMALLEST_SCALE in overlays else None
