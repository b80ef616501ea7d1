#!/usr/bin/env bash
# Runs a command with a Docker engine at hand: scripts/with_docker.sh COMMAND…
#
# An engine that answers is used as it is (DOCKER_HOST, or where `docker` finds it). If none does, and this may start one
# (as root, with dockerd installed), it runs one of its own beside the command, with everything of it in a temporary
# directory, and takes it down at the end. Where neither works it says why, and the command has to do without.
# The command finds the engine in DOCKER_HOST, with the base images of scripts/images.sh in it. Nothing is printed after
# what the command printed, and its exit status is passed on.
set -euo pipefail

READY_S=30
STOP_S=20
here=$(dirname "${BASH_SOURCE[0]}")
directory='' engine='' bridge=''

main() {
  trap stop EXIT
  if command -v docker >/dev/null && docker version >/dev/null 2>&1; then
    export DOCKER_HOST=${DOCKER_HOST:-$(docker context inspect --format '{{.Endpoints.docker.Host}}')}
  else
    start || unset DOCKER_HOST
  fi
  if [ -n "${DOCKER_HOST:-}" ]; then
    "$here/images.sh" 2>&1 || say "no base images, see above"
  fi
  "$@"
}

start() {
  local program
  for program in docker dockerd iptables ip setsid setpriv; do
    command -v "$program" >/dev/null || { say "no Docker engine: $program is not installed"; return 1; }
  done
  [ "$(id -u)" = 0 ] || { say "no Docker engine answers, and only root can start one"; return 1; }
  directory=$(mktemp -d "${TMPDIR:-/tmp}/sternway-docker.XXXXXX")
  export DOCKER_HOST=unix://$directory/docker.sock
  make_bridge && run_engine && wait_until_it_answers && return
  say "no Docker engine: dockerd does not start here: $(tail -n 1 "$directory/log")"
  stop
  return 1
}

# A bridge of its own: two engines on docker0 would give out the same addresses.
make_bridge() {
  bridge=sternway$$
  ip link add name "$bridge" type bridge 2>>"$directory/log" &&
    ip address add "10.$((200 + $$ % 50)).$((1 + $$ / 50 % 250)).1/24" dev "$bridge" 2>>"$directory/log" &&
    ip link set "$bridge" up 2>>"$directory/log"
}

# In a session of its own, so that Ctrl-C ends the command first; and not for longer than this script, however that ends.
run_engine() {
  setsid setpriv --pdeathsig TERM dockerd --host "$DOCKER_HOST" --bridge "$bridge" --log-level warn \
    --data-root "$directory/data" --exec-root "$directory/exec" --pidfile "$directory/pid" \
    </dev/null >>"$directory/log" 2>&1 &
  engine=$!
}

wait_until_it_answers() {
  local until=$((SECONDS + READY_S))
  until timeout 5 docker version >/dev/null 2>&1; do
    kill -0 "$engine" 2>/dev/null && [ "$SECONDS" -lt "$until" ] || return 1
    sleep 0.1
  done
}

stop() {
  [ -n "$directory" ] || return 0
  {
    if [ -n "$engine" ]; then
      empty
      end_engine
    fi
    forget_bridge
    umount "$directory/data"
    rm -rf "$directory"
  } >/dev/null 2>&1 || true
  directory=''
}

# Networks leave bridges on the machine, unless they are removed while the engine runs.
empty() {
  timeout "$STOP_S" docker ps --all --quiet | xargs --no-run-if-empty timeout "$STOP_S" docker rm --force --volumes
  timeout "$STOP_S" docker network prune --force
}

end_engine() {
  kill "$engine"
  timeout "$STOP_S" tail --pid "$engine" --follow /dev/null || kill -9 "$engine"
  wait "$engine" || true
}

forget_bridge() {
  local table rule
  for table in nat filter; do
    iptables --wait --table "$table" --list-rules | grep --word-regexp -- "$bridge" | sed 's/^-A/-D/' |
      while read -r rule; do xargs iptables --wait --table "$table" <<<"$rule"; done
  done
  ip link delete "$bridge"
}

say() { echo "with_docker: $*"; }

[ $# -gt 0 ] || { echo "usage: scripts/with_docker.sh COMMAND…" >&2; exit 2; }
main "$@"
