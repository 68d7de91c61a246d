"""The form that changes a ticket: each field goes with the value its reader saw, so that nothing is overwritten unseen.

Owns which fields stand in the form. Which side wins a field is the command's.
"""

from __future__ import annotations

from collections.abc import Sequence

from common.inbox.edits import Change, show_value
from common.tickets.intake import CHOICES, EDITABLE, EditTicket
from sync_server.console.commands import choices
from sync_server.console.tickets.action_kit import Ask, Field

FLAGS = ("urgent", "danger")
LONG = ("fault_text", "plan")
DAYS = ("fault_since_on",)
OLD = "old."
SHOWN = (
    "fault_text", "fault_code", "fault_since_on", "severity", "urgent", "danger", "mode", "equipment_id", "plan",
    "caller", "caller_phone", "contact", "contact_phone", "address", "zone",
)  # fmt: skip
assert set(SHOWN) == set(EDITABLE)


def edit_fields(ask: Ask) -> Sequence[Field]:
    """List the fields with what stands in them, and the same once more as the old value."""
    held = {name: show_value(getattr(ask.file.ticket, name)) for name in SHOWN}
    fields = [_field(ask, name, held[name]) for name in SHOWN]
    return [*fields, *(Field(f"{OLD}{name}", "old", default=value) for name, value in held.items())]


def _field(ask: Ask, name: str, value: str) -> Field:
    policy, language = ask.file.policy, ask.language
    if name in FLAGS:
        return Field(name, "check", default=value if value == "1" else "", is_required=False)
    if name in CHOICES:
        return Field(
            name, "choices", default=value, options=choices(language, f"ticket.{name}", CHOICES[name])
        )
    if name == "equipment_id":
        return Field(name, "select", default=value, options=ask.units, is_required=False, css="wide")
    if name in ("fault_code", "zone"):
        known = (policy.fault_codes if name == "fault_code" else policy.zones) if policy else ()
        options = [(one.code, one.title.in_language(language)) for one in known]
        if value and value not in dict(options):
            options.append((value, value))
        return Field(name, "select", default=value, options=options, is_required=False)
    if name in DAYS:
        return Field(name, "day", default=value, is_required=False)
    kind = "text" if name in LONG else "line"
    return Field(
        name,
        kind,  # type: ignore[arg-type]
        default=value,
        is_required=name == "fault_text",
        css="wide" if name in LONG or name == "address" else "",
        most=4000 if name in LONG else 200,
    )


def build_edit(ask: Ask) -> EditTicket:
    """Make the command of what was changed in the form."""
    changes = []
    for name in SHOWN:
        old = ask.text(f"{OLD}{name}")
        new = ("1" if ask.text(name) else "0") if name in FLAGS else ask.text(name)
        if new != old.replace("\r\n", "\n").strip():
            changes.append(Change(name, old, new))
    return EditTicket(ask.ticket_id, tuple(changes))
