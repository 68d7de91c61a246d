"""What a form shows: the values typed so far and, per field, what is wrong with them.

Owns keeping text between a refused post and its page. Judges nothing: errors come from commands.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class FormState:
    """Values and errors by field name; an error under `""` belongs to the whole form.

    Errors are finished sentences. `prefix` begins the ids of the fields: two forms on a page need two.
    """

    values: Mapping[str, object] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    prefix: str = "f"

    def value(self, name: str, default: object = "") -> str:
        """Return what stands in a field, as text."""
        found = self.values.get(name, default)
        return "" if found is None else str(found)

    def error(self, name: str) -> str:
        """Return the sentence beside a field, empty when it is right."""
        return self.errors.get(name, "")
