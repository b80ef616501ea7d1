#!/bin/sh
# Sternway's command line, version @VERSION@. After this script follows a compressed tar with everything it needs.
# It is unpacked once, whole or not at all, into a directory that only its user may write, and started from there.
set -eu
name=@VERSION@-@DIGEST@
kept_days=30

# This file, whichever way it was called.
case $0 in
  /*) self=$0 ;;
  *) if [ -f "$0" ]; then self=$PWD/$0; else self=$(command -v -- "$0"); fi ;;
esac

# Tell whether directories are this user's, with nobody else allowed to change what is in them.
is_ours() {
  for each; do [ -O "$each" ] || return 1; done
  [ "$(find "$@" -prune -type d ! -perm -0020 ! -perm -0002 2>/dev/null)" = "$(printf '%s\n' "$@")" ]
}

is_there() { [ -x "$1/$name/sternway" ] && is_ours "$1" "$1/$name"; }

# In a subshell, so that the mask and the traps are not the program's. Of two that unpack at once, one is kept.
unpack() (
  umask 077
  unset TAR_OPTIONS
  mkdir -p "$1" && is_ours "$1" || exit 1
  fresh=$(mktemp -d "$1/.new.XXXXXX") || exit 1
  trap 'rm -rf "$fresh"' EXIT
  trap 'exit 130' HUP INT TERM
  tail -n +@LINES@ "$self" | tar -xzf - -C "$fresh" --no-same-owner --no-same-permissions || exit 1
  # What is named must be on disk: after a loss of power the place would hold empty files.
  find "$fresh" -type f -exec sync {} + || exit 1
  if ! mv -T "$fresh/sternway" "$1/$name" && ! is_there "$1"; then
    rm -rf "${1:?}/$name" # half of it is gone, or somebody else has put it there
    mv -T "$fresh/sternway" "$1/$name" || is_there "$1" || exit 1
  fi
  tidy "$1" || :
) 2>/dev/null

# Remove what was unpacked by versions that nobody has started for long, or by nobody to the end.
tidy() {
  find "$1" -mindepth 1 -maxdepth 1 -name '.new.*' -mtime +1 -exec rm -rf {} +
  find "$1" -mindepth 2 -maxdepth 2 -name sternway -type f -atime +"$kept_days" -ctime +"$kept_days" |
    while IFS= read -r old; do
      [ "$old" = "$1/$name/sternway" ] || rm -rf "${old%/sternway}"
    done
}

start() { STERNWAY_EXECUTABLE=$self exec "$place/$name/sternway" "$@"; }

# A home that is somebody else's, as under sudo, is left alone; so is a cache that somebody else can write.
own=
if [ -n "${XDG_CACHE_HOME:-}" ] && [ "${XDG_CACHE_HOME#/}" != "$XDG_CACHE_HOME" ]; then
  own=$XDG_CACHE_HOME/sternway/cli
elif [ -n "${HOME:-}" ] && [ -O "$HOME" ]; then
  own=$HOME/.cache/sternway/cli
fi
if [ -n "$own" ]; then
  place=$own
  if is_there "$place" || unpack "$place"; then start "$@"; fi
fi
place=${TMPDIR:-/tmp}/sternway-$(id -u)
if is_there "$place" || unpack "$place"; then start "$@"; fi
echo "ERROR: sternway cannot unpack itself: ${own:+neither $own nor }$place can be written by you alone, with room" >&2
echo "hint: make room, or set XDG_CACHE_HOME to a directory of your own" >&2
exit 1
