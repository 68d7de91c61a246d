"""Files' bytes in a bucket that speaks S3: AWS, MinIO, Ceph, R2 and their like (`FileStore`).

Owns keys and the translation of the client's errors: what is not there is FileNotFoundError; a store that cannot be asked
is StoreAwayError and never taken for a loss, or one bad night would have every photo called missing. Credentials come
from the environment as every S3 tool reads them, never from the URL.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from common.files.attachment import is_sha256
from sync_server.bucket import Bucket
from sync_server.files.store import BLOCK, StoreAwayError

CONNECT_S, READ_S, TRIES = 5, 30, 3
NOT_THERE = frozenset({"404", "NoSuchKey", "NotFound"})


class S3Store:
    """A bucket. One request puts a file whole or not at all; its signature covers the bytes: changed ones are refused."""

    def __init__(self, bucket: Bucket) -> None:
        self.bucket = bucket
        self._client = _client(bucket)

    def claim(self) -> None:
        """Do nothing: whose bucket it is, its address and key say."""

    def put(self, sha256: str, source: Path) -> None:
        """Send a file there; `source` goes only after the store has answered. Raises StoreAwayError."""
        with source.open("rb") as body, self._asked():
            self._client.put_object(**self._at(sha256), Body=body, ContentType="application/octet-stream")
        source.unlink(missing_ok=True)

    def size(self, sha256: str) -> int | None:
        """Return how many bytes are there, None where there is no such file. Raises StoreAwayError."""
        try:
            with self._asked():
                return int(self._client.head_object(**self._at(sha256))["ContentLength"])
        except FileNotFoundError:
            return None

    def read(self, sha256: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """Read bytes in blocks. Raises FileNotFoundError, StoreAwayError, the latter also on the way."""
        size = self.size(sha256)
        if size is None:
            raise FileNotFoundError(sha256)
        end = size if length is None else min(size, start + length)
        if start >= end:
            return iter(())
        with self._asked():
            answer = self._client.get_object(**self._at(sha256), Range=f"bytes={start}-{end - 1}")
        return self._blocks(answer["Body"])

    def remove(self, sha256: str) -> None:
        """Let a file go, if it is there. Raises StoreAwayError."""
        with self._asked():
            self._client.delete_object(**self._at(sha256))

    def names(self) -> Iterator[str]:
        """List everything that is there. Raises StoreAwayError."""
        with self._asked():
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self.bucket.name, Prefix=self.bucket.prefix
            )
            for page in pages:
                for each in page.get("Contents", ()):
                    name = each["Key"].rpartition("/")[2]
                    if is_sha256(name) and each["Key"] == self._key(name):
                        yield name

    def _key(self, sha256: str) -> str:
        """Name an object as the folder names its file: copying is moving."""
        return f"{self.bucket.prefix}{sha256[:2]}/{sha256[2:4]}/{sha256}"

    def _at(self, sha256: str) -> dict[str, str]:
        return {"Bucket": self.bucket.name, "Key": self._key(sha256)}

    def _blocks(self, body: Any) -> Iterator[bytes]:
        with self._asked():
            try:
                yield from body.iter_chunks(BLOCK)
            finally:
                body.close()

    @contextmanager
    def _asked(self) -> Iterator[None]:
        try:
            yield
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in NOT_THERE and self._is_there():
                raise FileNotFoundError(self.bucket.name) from error
            raise StoreAwayError(str(error)) from error
        except BotoCoreError as error:
            raise StoreAwayError(str(error)) from error

    def _is_there(self) -> bool:
        """Say whether the bucket itself is: a wrong or emptied address has no file, and must not look like a loss."""
        try:
            self._client.head_bucket(Bucket=self.bucket.name)
        except (ClientError, BotoCoreError):
            return False
        return True


def _client(bucket: Bucket) -> Any:
    config = Config(
        connect_timeout=CONNECT_S, read_timeout=READ_S, retries={"total_max_attempts": TRIES, "mode": "standard"},
        s3={"addressing_style": "path" if bucket.endpoint else "auto", "payload_signing_enabled": True},
        # The signature carries the SHA-256; newer checksum headers are not understood by every store.
        request_checksum_calculation="when_required", response_checksum_validation="when_required",
    )  # fmt: skip
    session = boto3.session.Session()
    region = bucket.region or session.region_name or "us-east-1"
    return session.client("s3", endpoint_url=bucket.endpoint or None, region_name=region, config=config)
