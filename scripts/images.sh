#!/usr/bin/env bash
# Makes two base images from Debian's packages alone; nothing is pulled from an image registry.
#
#   sternway-busybox   a shell and what belongs to it, 2 MB
#   sternway-python    the same with Debian's python3, pip and venv
#
# Both have root, nobody and a user `app` (1000) with a home. Images that this script made, as it is now and on a
# machine set up like this one, stay as they are. The engine is the one that `docker` finds, DOCKER_HOST included.
# It needs Debian 12 with apt-get, dpkg-deb and docker, and neither root nor a container that runs.
set -euo pipefail

PACKAGES=(busybox-static ca-certificates libstdc++6 python3 python3-pip python3-venv)
UNUSED=(debconf dpkg tar) # needed by packages when they are installed, which does not happen here
SEARCH_PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
LABEL=sternway.recipe

# Where this machine has a package index or a certificate authority of its own, the images know them too.
machine_ca=${PIP_CERT:-${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}}

main() {
  require
  recipe=$({ cat "${BASH_SOURCE[0]}" && pip_settings && { cat "$machine_ca" 2>/dev/null || true; }; } | sha256sum)
  recipe=${recipe:0:16}
  if is_made sternway-busybox && is_made sternway-python; then
    return
  fi
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  download
  lay_out "$work/busybox"
  put_in sternway-busybox "$work/busybox" 'CMD ["sh"]'
  lay_out "$work/python"
  add_python "$work/python"
  put_in sternway-python "$work/python" 'CMD ["python3"]' "ENV LANG=C.UTF-8"
}

require() {
  local tool
  for tool in docker apt-get dpkg-deb tar sha256sum; do
    command -v "$tool" >/dev/null || fail "$tool is missing; on Debian: apt-get install apt docker.io dpkg tar coreutils"
  done
  docker version >/dev/null 2>&1 || fail "no Docker engine answers at ${DOCKER_HOST:-its usual place}; scripts/with_docker.sh starts one"
}

is_made() {
  [ "$(docker image inspect --format "{{index .Config.Labels \"$LABEL\"}}" "$1" 2>/dev/null)" = "$recipe" ]
}

# Apt chooses as for a machine on which nothing is installed yet. Where its lists are missing or old, it gets new ones.
download() {
  local apt=(
    apt-get -qq -y --no-install-recommends
    -o Dir::State::status=/dev/null -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache=
    -o Dir::Cache::archives="$work/packages/" -o Debug::NoLocking=1 -o APT::Sandbox::User=root
  )
  local own_lists=(-o Dir::State::lists="$work/lists/")
  mkdir -p "$work/packages/partial" "$work/lists/partial"
  "${apt[@]}" --download-only install "${PACKAGES[@]}" >/dev/null 2>&1 || {
    "${apt[@]}" "${own_lists[@]}" update >"$work/log" 2>&1 &&
      "${apt[@]}" "${own_lists[@]}" --download-only install "${PACKAGES[@]}" >"$work/log" 2>&1
  } || fail "apt-get cannot download ${PACKAGES[*]}: $(tail -n 3 "$work/log")"
  local name
  for name in "${UNUSED[@]}"; do rm -f "$work/packages/$name"_*.deb; done
}

# A file tree with a shell: what every image starts with.
lay_out() {
  local root=$1 name
  mkdir -p "$root"/{etc/ssl/certs,home/app,proc,root,run,sys,dev,tmp,usr/{bin,sbin,lib,lib64,local/bin},var/{lib,log,tmp}}
  for name in bin sbin lib lib64; do ln -s "usr/$name" "$root/$name"; done
  chmod 1777 "$root/tmp" "$root/var/tmp"
  chmod 700 "$root/root"
  cat >"$root/etc/passwd" <<'END'
root:x:0:0:root:/root:/bin/sh
app:x:1000:1000:app:/home/app:/bin/sh
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
END
  printf '%s\n' root:x:0: app:x:1000: nogroup:x:65534: >"$root/etc/group"
  echo "hosts: files dns" >"$root/etc/nsswitch.conf"
  unpack "$root" "$work"/packages/busybox-static_*.deb
  for name in $("$root/bin/busybox" --list); do
    [ -e "$root/usr/bin/$name" ] || ln -s busybox "$root/usr/bin/$name"
  done
}

# Debian's links from /bin to /usr/bin and the like stay links.
unpack() {
  local root=$1 package
  for package in "${@:2}"; do
    dpkg-deb --fsys-tarfile "$package" | tar --extract --directory "$root" --keep-directory-symlink --no-same-owner
  done
}

add_python() {
  local root=$1
  unpack "$root" "$work"/packages/*.deb
  rm -rf "$root"/usr/share/{doc,man,locale,lintian} "$root"/etc/init.d
  # This image is for installing into: pip may, as in other Python images.
  rm -f "$root"/usr/lib/python3*/EXTERNALLY-MANAGED
  ln -s python3 "$root/usr/bin/python"
  find "$root/usr/share/ca-certificates" -name '*.crt' -exec cat {} + >"$root/etc/ssl/certs/ca-certificates.crt"
  if [ -r "$machine_ca" ]; then cat "$machine_ca" >"$root/etc/ssl/certs/ca-certificates.crt"; fi
  ln -sf /etc/ssl/certs/ca-certificates.crt "$root/usr/lib/ssl/cert.pem"
  pip_settings >"$root/etc/pip.conf"
  compile "$root"
}

# An address with a password in it stays out: images travel.
pip_settings() {
  local index files=(/etc/pip.conf "$HOME/.pip/pip.conf" "${XDG_CONFIG_HOME:-$HOME/.config}/pip/pip.conf")
  index=${PIP_INDEX_URL:-$({ cat "${files[@]}" 2>/dev/null || true; } | sed -n 's/^ *index-url *[=:] *//p' | tail -n 1)}
  printf '[global]\ncert = /etc/ssl/certs/ca-certificates.crt\ndisable-pip-version-check = true\nroot-user-action = ignore\n'
  case $index in "" | *@*) ;; *) echo "index-url = $index" ;; esac
}

# Users of the image may not write beside the modules, so without this every start would compile them again.
compile() {
  local enter=(chroot)
  [ "$(id -u)" = 0 ] || enter=(unshare --map-root-user chroot)
  "${enter[@]}" "$1" /usr/bin/python3 -m compileall -q -x '/(test|lib2to3|idlelib)/' /usr/lib/python3 /usr/lib/python3.?? \
    >/dev/null 2>&1 || note "could not compile Python's modules; starts take longer"
}

# All belongs to root, whoever runs this, but for the user's home.
put_in() {
  local name=$1 root=$2 change changes=(--change "LABEL $LABEL=$recipe" --change "ENV PATH=$SEARCH_PATH")
  for change in "${@:3}"; do changes+=(--change "$change"); done
  tar --create --file "$root.tar" --directory "$root" --numeric-owner --owner 0 --group 0 --sort name --exclude ./home/app .
  tar --append --file "$root.tar" --directory "$root" --numeric-owner --owner 1000 --group 1000 ./home/app
  docker import "${changes[@]}" "$root.tar" "$name" >/dev/null
  note "made $name, $(($(docker image inspect --format '{{.Size}}' "$name") / 1000000)) MB"
}

note() { echo "images: $*"; }

fail() {
  echo "images: $*" >&2
  exit 1
}

main
