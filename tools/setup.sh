#!/usr/bin/env bash
# Make everything a clone needs: .venv by the lock file, the package itself, browser files, the Chinese font.
#   tools/setup.sh           what `make demo` and `make app` need
#   tools/setup.sh --tests   also a browser and its Chinese fonts for `make test`
# Safe to repeat; does nothing, in well under a second, when nothing has changed.
set -euo pipefail
source "$(dirname "$0")/lib.sh"

find_python() {
  local name
  for name in "${PYTHON:-}" python3 python3.14 python3.13 python3.12 python3.11; do
    [ -n "$name" ] || continue
    if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      command -v "$name"
      return 0
    fi
  done
  return 1
}

make_venv() {
  local python
  python=$(find_python) || die "Fieldwright needs Python 3.11 or newer. On Debian and Ubuntu: apt-get install python3"
  if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    local version
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    apt_install "python$version-venv" || apt_install python3-venv ||
      die "This Python cannot make virtual environments. As root: apt-get install python3-venv. Then run make again."
  fi
  say "making .venv with $("$python" --version)"
  rm -rf .venv
  "$python" -m venv .venv
}

# pip_install ARGUMENT…: install quietly, one line for each tenth package; the whole story goes to a log.
pip_install() {
  local log=.build/pip.log
  .venv/bin/python -m pip install --disable-pip-version-check --progress-bar off --no-input "$@" 2>&1 </dev/null |
    tee "$log" | awk '/^Collecting/ { n += 1; if (n % 10 == 0) { print "    " n " packages …"; fflush() } }' ||
    { tail -n 15 "$log" >&2; die "Installing Python packages failed (whole log: $log)."; }
}

stamp_of() { cat "$@" "$0" | sha256sum | cut -d' ' -f1; }

set_up_python() {
  local stamp=.venv/.fieldwright-python want
  want=$(stamp_of requirements.lock pyproject.toml)
  if [ -x .venv/bin/python ] && [ "$(cat "$stamp" 2>/dev/null)" = "$want $PWD" ]; then return; fi
  [ -x .venv/bin/python ] && .venv/bin/python -m pip --version >/dev/null 2>&1 || make_venv
  say "installing $(grep -c '==' requirements.lock) locked Python packages (a few minutes the first time)"
  pip_install --require-hashes --no-deps -r requirements.lock
  browser_files
  say "installing Fieldwright itself"
  pip_install --no-deps --no-build-isolation --editable .
  echo "$want $PWD" >"$stamp"
}

browser_files() {
  if ! .venv/bin/python web/build_assets.py --check && ! command -v npm >/dev/null; then
    say "no npm on this machine: installing one inside .venv"
    pip_install --require-hashes --no-deps -r web/requirements-node.lock
  fi
  .venv/bin/python web/build_assets.py
}

set_up_files() {
  local stamp=.build/files.stamp want
  want=$(stamp_of requirements.lock web/package-lock.json web/build_assets.py tools/font_overlay.py field_app/web.py)
  if [ "$(cat "$stamp" 2>/dev/null)" = "$want" ] && [ -f sync_server/console/static/vendor/.lock ] &&
    [ -f .build/app_assets/assets/FontManifest.json ]; then return; fi
  browser_files
  .venv/bin/python tools/font_overlay.py .build/app_assets
  echo "$want" >"$stamp"
}

set_up_browser() {
  if ! find_chromium >/dev/null; then
    apt_install chromium || apt_install chromium-browser || true
    find_chromium >/dev/null ||
      die "The tests drive a real browser and none was found. As root: apt-get install chromium. Then run make again."
  fi
  # Playwright brings its own Node.js, which wants one library that a minimal system lacks.
  local node
  for node in .venv/lib/python3*/site-packages/playwright/driver/node; do
    "$node" --version >/dev/null 2>&1 || apt_install libatomic1 ||
      die "The browser's driver does not start. As root: apt-get install libatomic1. Then run make again."
  done
  if [ -z "$(find /usr/share/fonts /usr/local/share/fonts ~/.fonts ~/.local/share/fonts \
    -iname '*CJK*' -print -quit 2>/dev/null)" ]; then
    apt_install fonts-noto-cjk ||
      die "The tests look at Chinese pages and no Chinese font was found. As root: apt-get install fonts-noto-cjk"
  fi
}

set_up_python
set_up_files
if [ "${1:-}" = "--tests" ]; then set_up_browser; fi
