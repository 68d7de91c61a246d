"""A demo company, made by the product's own import and commands. Nothing here is part of a real installation."""

from __future__ import annotations

from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; returns the exit code."""
    from sync_server.demo.supervisor import main as run

    return run(arguments)
