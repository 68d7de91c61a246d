"""Faults and previews in words, the same for console and command line.

Owns turning codes into sentences of the reader's language. Decides nothing.
"""

from __future__ import annotations

from common.i18n import has_key, translate
from sync_server.imports.columns import columns_of_kind, heading_of
from sync_server.imports.importer import Preview
from sync_server.imports.sheet import Fault


def say_fault(kind: str, fault: Fault, language: str) -> str:
    """Say what is wrong and what to do about it; the place is said by `say_place`."""
    if fault.code == "refused":
        reason = f"reason.{fault.values.get('reason', '')}"
        return translate(language, reason, **fault.values) if has_key(reason) else str(fault.values["reason"])
    values = {"column": _column(kind, fault.column, language), **fault.values}
    return translate(language, f"import.fault.{fault.code}", **values)


def say_place(kind: str, fault: Fault, language: str) -> str:
    """Say where: line and column, or the file."""
    if not fault.line:
        return translate(language, "import.place.file")
    if not fault.column:
        return translate(language, "import.place.line", line=fault.line)
    column = _column(kind, fault.column, language)
    return translate(language, "import.place.cell", line=fault.line, column=column)


def say_counts(plan: Preview, language: str) -> str:
    """Say how many rows are new, changed, the same, and faulty."""
    return translate(
        language,
        "import.counts",
        rows=plan.rows,
        new=plan.count("new"),
        changed=plan.count("changed"),
        same=plan.count("same"),
        faults=plan.fault_count,
    )


def _column(kind: str, name: str, language: str) -> str:
    return heading_of(kind, name, language) if name in columns_of_kind(kind) else name


def say_left(code: str, language: str) -> str:
    """Say why an undo left something as it is."""
    return translate(language, f"reason.{code}" if has_key(f"reason.{code}") else "reason.request_refused")
