#!/bin/bash
# What a new user does, in an empty system: make run, hear the link, make test. Called by run.sh, in the clone.
set -euo pipefail

echo "  system    $(. /etc/os-release; echo "$PRETTY_NAME"), $(python3 --version), user $(id -un), $(date +%Z)"
echo "  folder    $PWD"

step_run() {
  local began=$SECONDS deadline=$((SECONDS + 1800)) link=
  : >run.log
  make run >>run.log 2>&1 &
  local server=$!
  until link=$(sed -nE 's/^ *listen  (http.*)$/\1/p' run.log) && [ -n "$link" ]; do
    if ! kill -0 "$server" 2>/dev/null || [ "$SECONDS" -gt "$deadline" ]; then
      tail -20 run.log
      return 1
    fi
    sleep 1
  done
  echo "  make run  plays after $((SECONDS - began)) s, $(du -sh .venv-run | cut -f1) in .venv-run"
  python3 tests/fresh/hear.py "$link"
  # The server is a child of make; both end by the signal that a terminal sends.
  kill -INT "$(ps_child "$server")"
  wait "$server" || true
}

ps_child() { # Print the process that make started.
  cat "/proc/$1/task/$1/children" | tr -d ' '
}

step_test() {
  local began=$SECONDS
  make test >test.log 2>&1 || { grep -E '^(FAILED|ERROR)' test.log || tail -30 test.log; tail -1 test.log; return 1; }
  echo "  make test $(tail -1 test.log | tr -d '=')"
  echo "            $((SECONDS - began)) s with the set-up, $(du -sh .venv | cut -f1) in .venv"
}

for step in "$@"; do
  "step_$step"
done
