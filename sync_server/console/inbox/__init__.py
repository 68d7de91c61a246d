"""The inbox of the office: what was refused in the field, exceptions, clock alarms, conflicts of edits."""
