#!/usr/bin/env bash
# Static checks, quickest first: format, lint, types, import directions. `--fix` formats and mends what can be mended.
set -euo pipefail
source "$(dirname "$0")/lib.sh"
export PATH="$PWD/.venv/bin:$PATH"

if [ "${1:-}" = "--fix" ]; then
  ruff check --fix --quiet . || true
  ruff format --quiet .
fi

say "format"
ruff format --check --quiet --output-format concise . || die "Some files are not formatted: make lint FIX=1"
say "lint"
ruff check --quiet .
say "types"
targets=()
for path in common field_app sync_server bench tests/support tests/simulation tools web fieldwright_app.py; do
  if [ -f "$path" ] || [ -n "$(find "$path" -name '*.py' -print -quit 2>/dev/null)" ]; then targets+=("$path"); fi
done
mypy "${targets[@]}"
say "import directions"
lint-imports --no-logo >.build/imports.log 2>&1 || { cat .build/imports.log; die "An import goes against the architecture."; }
grep -E '^Contracts:' .build/imports.log
