# Shared by the scripts beside it; sourced, never run. Owns the wording of progress and the use of apt.

cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
mkdir -p .build

say() { printf '\033[1m•\033[0m %s\n' "$*"; }
die() {
  printf '\n%s\n' "$*" >&2
  exit 1
}

# apt_install PACKAGE…: install from the distribution as root or by sudo without a question; 1 where that cannot be.
apt_install() {
  command -v apt-get >/dev/null || return 1
  local as=()
  if [ "$(id -u)" != 0 ]; then
    sudo -n true 2>/dev/null || return 1
    as=(sudo -n)
  fi
  local log=.build/apt.log
  say "installing from the distribution: $* (log: $log)"
  if ! "${as[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@" \
    >"$log" 2>&1 </dev/null; then
    "${as[@]}" apt-get update >>"$log" 2>&1 </dev/null || { tail -n 5 "$log" >&2; return 1; }
    "${as[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@" \
      >>"$log" 2>&1 </dev/null || { tail -n 5 "$log" >&2; return 1; }
  fi
}

# find_chromium: print the path of a browser that can be driven; 1 where there is none.
find_chromium() {
  local name
  for name in "${FIELDWRIGHT_CHROMIUM:-}" chromium chromium-browser google-chrome google-chrome-stable; do
    [ -n "$name" ] && command -v "$name" && return 0
  done
  return 1
}
