"""JSON as ready bytes, as fast as this machine's libraries write it; what it says is the same with each of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from common.kernel.codec import compact

try:
    import orjson

    to_json: Callable[[Any], bytes] = orjson.dumps
    _written: Callable[[bytes], Any] | None = orjson.Fragment
except ImportError:  # the server's own install brings it; answers are the same without
    _written = None

    def to_json(value: Any) -> bytes:
        """Write JSON in the order given, no blanks."""
        return compact(value).encode()


class Rows(dict[str, list[Any]]):
    """Rows of one aggregate by entity, with the JSON they were weighed by, so that it is not written twice."""

    json: bytes = b""

    def weigh(self) -> int:
        """Write the JSON and return its size in bytes."""
        self.json = to_json(self)
        return len(self.json)


def as_written(rows: dict[str, Any]) -> Any:
    """Return what stands for rows in JSON still to be written: the ready text where there is one."""
    return _written(rows.json) if _written and isinstance(rows, Rows) and rows.json else rows
