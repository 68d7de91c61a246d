#!/usr/bin/env bash
# Run the tests in steps, cheapest first, and stop at the first step that fails.
#   tools/test.sh         everything
#   tools/test.sh fast    the steps without database server, simulation and browser
# A folder that holds no test fails: nobody may believe in tests that did not run.
set -euo pipefail
source "$(dirname "$0")/lib.sh"
export PATH="$PWD/.venv/bin:$PATH" PYTHONUTF8=1 TZ=UTC
export FIELDWRIGHT_APP_ASSETS="${FIELDWRIGHT_APP_ASSETS:-$PWD/.build/app_assets}"
mkdir -p .artifacts/screenshots
rm -rf .artifacts/junit
mkdir -p .artifacts/junit

# step NAME SPREAD FOLDER…; SPREAD is how pytest-xdist gives the tests to two workers: by file, or whoever is free takes one.
step() {
  local name=$1 spread=$2 folder folders=()
  shift 2
  for folder in "$@"; do
    if [ -d "$folder" ]; then folders+=("$folder"); else say "$folder is not there"; fi
  done
  [ ${#folders[@]} -gt 0 ] || return 0
  say "tests: ${folders[*]}"
  local code=0
  pytest -q -n 2 --dist "$spread" --junitxml=".artifacts/junit/$name.xml" "${folders[@]}" </dev/null || code=$?
  if [ $code = 5 ]; then die "No test was found in: ${folders[*]}"; fi
  if [ $code != 0 ]; then
    python tools/tally.py .artifacts/junit || true
    die "Tests failed in: ${folders[*]}"
  fi
}

step quick loadfile tests/architecture tests/unit tests/property tests/contract
if [ "${1:-all}" != "fast" ]; then
  step integration loadfile tests/integration
  step simulation loadfile tests/simulation
  step e2e worksteal tests/e2e
fi
python tools/tally.py .artifacts/junit
