"""The hash that ties a signature to what was shown: SHA-256 over canonical JSON.

Owns the hash only; what is shown is composed elsewhere.
"""

from __future__ import annotations

import hashlib
from typing import Annotated, Any

from common.kernel.codec import canonical
from common.kernel.fields import Text

Hash = Annotated[str, Text(64, 64)]


def content_hash(content: dict[str, Any]) -> str:
    """Hash a document; equal content gives equal hashes on every device."""
    return hashlib.sha256(canonical(content).encode()).hexdigest()
