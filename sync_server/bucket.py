"""Where a bucket for files is, read from the URL it is set by. Knows no client (`files/s3_store.py`)."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

SCHEME = "s3://"


@dataclass(frozen=True, slots=True)
class Bucket:
    """Where a bucket is: its name, what keys begin with, and, unless it is Amazon's, who serves it."""

    name: str
    prefix: str = ""
    endpoint: str = ""
    region: str = ""


def read_bucket(url: str) -> Bucket:
    """Read `s3://bucket/prefix?endpoint=https://host&region=name`. Raises ValueError with a sentence."""
    told = urlsplit(url)
    if not url.startswith(SCHEME) or not told.hostname:
        raise ValueError(f"a store of files is a folder or s3://bucket/prefix, not {url!r}")
    if told.username or told.password:
        raise ValueError(
            "keys of an S3 store do not belong in its URL: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        )
    more = dict(parse_qsl(told.query, keep_blank_values=True))
    endpoint, region = more.pop("endpoint", ""), more.pop("region", "")
    if more or (endpoint and urlsplit(endpoint).scheme not in ("http", "https")):
        raise ValueError(f"an S3 store knows endpoint=https://… and region=…, not {told.query!r}")
    prefix = told.path.strip("/")
    return Bucket(told.netloc, f"{prefix}/" if prefix else "", endpoint, region)
