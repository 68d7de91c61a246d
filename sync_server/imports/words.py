"""Words of a trade to the product's codes: roles, kinds of places, kinds of charges, zones of the policy.

Owns the lookup. A word nobody knows is reported with the words that would do.
"""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources

from sqlalchemy.orm import Session

from common.i18n import LANGUAGES
from common.kernel.text import fold
from common.policy.policy_set import find_policy


@cache
def _words(table: str) -> dict[str, str]:
    read = tomllib.loads(resources.files(__package__).joinpath("words.toml").read_text("utf-8"))[table]
    return {fold(word): code for code, others in read.items() for word in (code, *others)}


def code_for(table: str, word: str) -> str | None:
    """Return the code a word stands for in `role`, `place` or `charge`."""
    return _words(table).get(fold(word))


def codes_of(table: str) -> str:
    """List the codes of a table for a fault's sentence."""
    return ", ".join(dict.fromkeys(_words(table).values()))


def zones_known(session: Session) -> dict[str, str]:
    """Map the policy's zone codes and names, folded, to codes; empty while no policy is adopted."""
    policy = find_policy(session)
    if policy is None:
        return {}
    return {
        fold(word): zone.code
        for zone in policy.zones
        for word in (zone.code, *(zone.title.in_language(language) for language in LANGUAGES))
    }
