"""The JSON Schema of preset files, by which editors complete keys and mark what is wrong."""

from typing import Any

from synthcli.presets.schema import Experiment

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def preset_schema() -> dict[str, Any]:
    """Return what a file may say: any part of an experiment, its parent, and overlays by scale."""
    schema = _partial(Experiment.model_json_schema())
    definitions, settings = schema.pop("$defs"), schema["properties"]
    overlay = {key: value for key, value in settings.items() if key not in ("name", "scale")}
    definitions["Overlay"] = {"type": "object", "properties": overlay, "additionalProperties": False}
    file = {
        "extends": {"type": "string", "description": "The parent: a preset's name, or the path of a file."},
        "abstract": {"type": "boolean", "description": "A family: extended, never run."},
        "grid": {"type": "object", "description": "Presets that are a product; of a family of the library."},
        "scale": {"additionalProperties": {"$ref": "#/$defs/Overlay"}, "type": ["object", "string"]},
    }
    return {"$schema": DIALECT, "$defs": definitions} | schema | {"properties": settings | file}


def _partial(schema: Any) -> Any:
    """Return a schema of which every key may be left out, so that more than one kind may fit a table."""
    if isinstance(schema, list):
        return [_partial(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {key: value for key, value in schema.items() if not (key == "required" and "properties" in schema)}
    if "oneOf" in kept:
        union = kept.pop("discriminator", {"mapping": {}})
        is_short = union.get("propertyName") == "kind"
        short = (
            [{"enum": list(union["mapping"])}] if is_short else []
        )  # `value = "identity"` is that kind's table
        kept["anyOf"] = [*kept.pop("oneOf"), *short]
    return {key: _partial(value) for key, value in kept.items()}
