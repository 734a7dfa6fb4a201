# Sourced by demo, test and bench. Makes the project's own environment inside the project's folder and nowhere else.
#
#   make_environment NAME   NAME is a lock in requirements/ (demo, dev); afterwards its commands are in $VENV/bin
#
# .tools/ holds uv (hash-pinned), .envs/NAME the environment. A stamp of the lock makes a second start immediate.

say() { printf '%s\n' "$*" >&2; }

find_python() {
  local candidate
  for candidate in ${PAWON_PYTHON:-} python3 python3.13 python3.12 python3.11; do
    if command -v "$candidate" >/dev/null 2>&1 \
      && "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      command -v "$candidate"
      return
    fi
  done
  say "Python 3.11 or newer was not found. On Debian or Raspberry Pi OS: sudo apt install python3 python3-venv"
  return 1
}

make_tools() { # python
  local python=$1 lock=requirements/tools.txt
  cmp -s "$lock" .tools/lock && return
  say "Preparing tools (once) ..."
  rm -rf .tools
  if "$python" -c 'import ensurepip' 2>/dev/null; then
    "$python" -m venv .tools >&2
    .tools/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r "$lock" >&2
  elif "$python" -m pip --version >/dev/null 2>&1; then
    # Debian splits ensurepip from Python; a pip of the system can fill a bare venv.
    "$python" -m venv --without-pip .tools >&2
    "$python" -m pip --python .tools/bin/python install --quiet --disable-pip-version-check --require-hashes -r "$lock" >&2
  else
    say "This Python can make no environment: ensurepip is missing. Please run: sudo apt install python3-venv"
    return 1
  fi
  cp "$lock" .tools/lock
}

make_environment() { # name of a lock
  local name=$1 python
  python=$(find_python) || return 1
  make_tools "$python" || return 1
  VENV=$PWD/.envs/$name
  local stamp
  stamp=$(cat "requirements/$name.txt" ./*/pyproject.toml | cksum; "$python" -V; pwd)
  [ "$(cat "$VENV/stamp" 2>/dev/null)" = "$stamp" ] && return
  say "Preparing the environment '$name' (first start: downloads about $(grep -c '==' "requirements/$name.txt") packages) ..."
  [ -x "$VENV/bin/python" ] || .tools/bin/uv venv --quiet --python "$python" "$VENV" >&2
  .tools/bin/uv pip sync --quiet --python "$VENV/bin/python" --require-hashes "requirements/$name.txt" >&2
  local part parts=()
  for part in contract food_safety firmware_bridge edge server dashboards; do parts+=(--editable "./$part"); done
  # The parts' own requirements are the lock just installed; asking again would need a second source of truth.
  .tools/bin/uv pip install --quiet --python "$VENV/bin/python" --no-deps --no-build-isolation "${parts[@]}" >&2
  printf '%s\n' "$stamp" >"$VENV/stamp"
}
