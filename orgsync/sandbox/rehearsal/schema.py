"""The JSON Schema of a scenario file, for editors."""

from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from orgsync.sandbox.rehearsal.model import Scenario

TITLE = "A rehearsal of orgsync"


class _EditorSchema(GenerateJsonSchema):
    """pydantic's JSON Schema without what an editor would offer and nobody should write."""

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        """Leave out a default that stands for a key that is not given: null, or a text of no characters."""
        described = super().default_schema(schema)
        return {key: value for key, value in described.items() if key != "default" or value not in (None, "")}

    def field_title_should_be_set(self, schema: Any) -> bool:
        """Leave out titles of keys: an editor would show them instead of the key's own name."""
        return False


def scenario_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a scenario file."""
    schema = Scenario.model_json_schema(schema_generator=_EditorSchema)
    for definition in schema["$defs"].values():
        # The name of one of our classes; an editor would show it to people.
        definition.pop("title", None)
    return {"$schema": GenerateJsonSchema.schema_dialect, **schema, "title": TITLE}
