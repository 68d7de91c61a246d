"""A field of a form that something is wrong with is named in words, never by its code."""

from __future__ import annotations

import re

from common.i18n import has_key
from sync_server.console.intake.call import FIELDS
from sync_server.console.intake.page import field_label
from sync_server.console.rendering import CONSOLE_FOLDER

# How a page reads a field, and how an action of a ticket lists one; what is made by the page itself is never wrong.
READ = re.compile(r'\b(?:entry\.(?!new_id|file\b|text_of)[a-z]+|Field)\(\s*"([a-z_]+)"')
UNSEEN = {"backup", "file_id", "seen_from", "session", "unit_id"}


def test_every_field_of_a_form_has_words() -> None:
    sources = [path.read_text() for path in CONSOLE_FOLDER.rglob("*.py")]
    names = {name for source in sources for name in READ.findall(source)}
    assert len(names) > 60
    assert sorted(name for name in names - UNSEEN if not has_key(f"field.{name}")) == []


def test_every_field_of_a_call_has_words() -> None:
    assert [name for name in FIELDS if field_label(name, "en") == name] == []
