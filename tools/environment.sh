# Sourced by tools/demo and tools/test: a virtual environment in .venv with this checkout installed in it.
# From a fresh Debian 12 with python3, git and the package registries; nothing outside the checkout is changed,
# except that missing Debian packages are installed when this is root or may use sudo.

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
cd "$root"

say() { printf '== %s\n' "$*" >&2; }
die() { printf 'error: %s\n' "$*" >&2; exit 1; }

# debian PACKAGE...: have these Debian packages, installing what is missing.
debian() {
  local missing=() package
  for package in "$@"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q '^install ok installed$' || missing+=("$package")
  done
  ((${#missing[@]})) || return 0
  local as_root=()
  if ((EUID != 0)); then
    sudo -n true 2>/dev/null || die "please install as root: apt-get install ${missing[*]}"
    as_root=(sudo -n)
  fi
  say "apt-get install ${missing[*]}"
  "${as_root[@]}" apt-get update -q >&2
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -q -y --no-install-recommends "${missing[@]}" >&2
}

# need_python: stop with a clear line unless python3 is 3.11 or newer.
need_python() {
  command -v python3 >/dev/null || debian python3
  python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    die "python3 is $(python3 -V 2>&1 | cut -d' ' -f2), minegate needs 3.11 or newer"
}

# environment EXTRA: .venv with `minegate[EXTRA]`, editable; nothing to do while pyproject.toml has not changed.
environment() {
  local extra="$1" stamp=.venv/.installed want
  want="$(sha256sum pyproject.toml | cut -c1-64)"
  # the extra `dev` contains everything that `all` has
  if [[ -f $stamp ]] && { [[ "$(<"$stamp")" == "$want $extra" ]] || [[ "$(<"$stamp")" == "$want dev" ]]; }; then
    return 0
  fi
  need_python
  if [[ ! -x .venv/bin/python ]]; then
    # Debian splits ensurepip from python3
    python3 -c 'import ensurepip, venv' 2>/dev/null || debian python3-venv
    say "python3 -m venv .venv"
    python3 -m venv .venv
  fi
  say "pip install -e .[$extra]"
  .venv/bin/python -m pip install --quiet --disable-pip-version-check -e ".[$extra]"
  printf '%s %s' "$want" "$extra" >"$stamp"
}

# micropython_vm: the MicroPython VM of firmware/vm, from its lock file; nothing to do while that has not changed.
micropython_vm() {
  local lock=firmware/vm/package-lock.json stamp=firmware/vm/node_modules/.installed want
  want="$(sha256sum "$lock" | cut -c1-64)"
  [[ -f $stamp && "$(<"$stamp")" == "$want" ]] && return 0
  # a Node that is not Debian's is as good, and Debian's npm would replace it
  if ! command -v node >/dev/null || ! command -v npm >/dev/null; then debian nodejs npm; fi
  say "npm ci"
  (cd firmware/vm && npm ci --no-audit --no-fund --loglevel=error >&2)
  printf '%s' "$want" >"$stamp"
}
