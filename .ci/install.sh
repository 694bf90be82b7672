#!/bin/sh
# install.sh BINARY PREFIX [SOURCE]: the tool, its shell completions and its man page; the source of what --mpi loads, and
# where there is an MPICC what it builds.
set -eu
binary=$1
prefix=$2

install -D -m 755 "$binary" "$prefix/bin/xspress"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
"$binary" --generate-completion-script bash >"$scratch/bash"
"$binary" --generate-completion-script zsh >"$scratch/zsh"
"$binary" --generate-completion-script fish >"$scratch/fish"
install -D -m 644 "$scratch/bash" "$prefix/share/bash-completion/completions/xspress"
install -D -m 644 "$scratch/zsh" "$prefix/share/zsh/site-functions/_xspress"
install -D -m 644 "$scratch/fish" "$prefix/share/fish/vendor_completions.d/xspress.fish"
# The man page is the tool's own help, so it cannot fall behind it.
python3 .ci/manpage.py "$binary" >"$scratch/xspress.1"
gzip -9n "$scratch/xspress.1"
install -D -m 644 "$scratch/xspress.1.gz" "$prefix/share/man/man1/xspress.1.gz"
if [ -n "${3:-}" ]; then
  install -D -m 644 "$3" "$prefix/share/xspress/xspress_mpi.c"
  if command -v "${MPICC:-mpicc}" >/dev/null 2>&1; then
    mkdir -p "$prefix/lib/xspress"
    "${MPICC:-mpicc}" -O2 -shared -fPIC -o "$scratch/shim" "$3"
    install -m 755 "$scratch/shim" "$prefix/lib/xspress/libxspress-mpi.so"
  fi
fi
echo "installed $prefix/bin/xspress"
