#!/bin/sh
# Sternway's command line, version @VERSION@. After this script follows a compressed tar with everything it needs.
# It is unpacked once, whole or not at all, into a directory that only you may write, and started from there.
set -eu
cache="${XDG_CACHE_HOME:-$HOME/.cache}/sternway/cli"
place="$cache/@VERSION@-@DIGEST@"
if [ ! -x "$place/sternway" ]; then
  umask 077
  mkdir -p "$cache"
  fresh="$(mktemp -d "$cache/.new.XXXXXX")"
  trap 'rm -rf "$fresh"' EXIT
  tail -n +@LINES@ "$0" | tar -xzf - -C "$fresh"
  mv -T "$fresh/sternway" "$place" 2>/dev/null || [ -x "$place/sternway" ]
  trap - EXIT
  rm -rf "$fresh"
fi
STERNWAY_EXECUTABLE="$(command -v -- "$0")" exec "$place/sternway" "$@"
exit 1
