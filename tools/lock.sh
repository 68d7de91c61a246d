#!/usr/bin/env bash
# Write requirements.lock anew from pyproject.toml: every extra, with hashes, without registry addresses.
# Versions already in the lock stay unless `--upgrade` or `--upgrade-package NAME` is given.
set -euo pipefail
cd "$(dirname "$0")/.."
export CUSTOM_COMPILE_COMMAND="tools/lock.sh"
quiet=(--quiet --allow-unsafe --generate-hashes --strip-extras
  --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-emit-options)
.venv/bin/pip-compile --all-extras "${quiet[@]}" "$@" --output-file requirements.lock pyproject.toml
# npm in a wheel, only for machines without Node.js (see web/build_assets.py)
.venv/bin/python -c 'import runpy; print(runpy.run_path("web/build_assets.py")["NODE_WHEEL"])' |
  .venv/bin/pip-compile "${quiet[@]}" --output-file web/requirements-node.lock -
