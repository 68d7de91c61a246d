"""Async tests in a thread of their own: the browser's driver keeps a loop running in the main thread."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec

P = ParamSpec("P")


def own_loop(story: Callable[P, Coroutine[object, object, None]]) -> Callable[P, None]:
    """Turn an async test into a plain one that may share its process with browser tests."""

    @functools.wraps(story)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        with ThreadPoolExecutor(1) as thread:
            thread.submit(lambda: asyncio.run(story(*args, **kwargs))).result()

    return run
