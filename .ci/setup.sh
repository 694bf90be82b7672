#!/bin/sh
# Installs what the build needs on Debian and Ubuntu; quick and silent when all of it is there.
# Uses sudo when not root. On other systems it only says what is missing.
set -eu

packages="libopenblas-dev liblapacke-dev libjson-c-dev libzstd-dev pkg-config python3"

missing=""
if command -v dpkg-query >/dev/null 2>&1; then
  # One query: a line for each package that is installed, nothing for the others.
  installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' $packages 2>/dev/null || true)
  for package in $packages; do
    printf '%s\n' "$installed" | grep -qx "installed $package" || missing="$missing $package"
  done
else
  for library in openblas lapacke json-c libzstd; do
    pkg-config --exists "$library" 2>/dev/null || missing="$missing $library"
  done
fi
# A python3 of one's own may come without pip; Debian's does.
command -v python3 >/dev/null 2>&1 && python3 -c 'import pip' 2>/dev/null ||
  missing="$missing python3-pip"

if [ -n "$missing" ]; then
  if ! command -v apt-get >/dev/null 2>&1; then
    echo "setup: please install the development files of:$missing" >&2
    exit 1
  fi
  as_root=""
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null 2>&1 || {
      echo "setup: not root and no sudo; as root, run: apt-get install$missing" >&2
      exit 1
    }
    as_root="sudo"
  fi
  echo "setup: installing$missing" >&2
  # A fresh image has no package lists, a stale one has wrong versions: refresh when the first try fails.
  install="$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends"
  $install $missing >/dev/null 2>&1 || {
    $as_root apt-get update -qq >&2
    $install $missing >&2
  }
fi

command -v swift >/dev/null 2>&1 || {
  echo "setup: no swift on PATH; install the Swift 6.3 toolchain first (swift.org/install)" >&2
  exit 1
}
