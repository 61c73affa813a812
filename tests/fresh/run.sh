#!/bin/bash
# make fresh: the README's two commands on empty Debian systems, as a user who has Python, venv and make.
# Needs root, debootstrap and git. FRESH="testing run" chooses systems (trixie, testing) and steps (run, test).
# Debian's mirror and pip's configuration are those of this machine, read when it runs. What is tested is HEAD.
set -euo pipefail
cd "$(dirname "$0")/../.."
repository=$PWD
cache=$repository/build/fresh
packages=ca-certificates,python3,python3-venv,make

systems= steps=
for word in "$@"; do
  case $word in
    trixie | testing) systems+=" $word" ;;
    run | test) steps+=" $word" ;;
    *) echo "fresh: $word is neither a system (trixie, testing) nor a step (run, test)" >&2; exit 2 ;;
  esac
done
[ "$(id -u)" = 0 ] || { echo "fresh: needs root, for debootstrap and chroot" >&2; exit 2; }
command -v debootstrap >/dev/null || { echo "fresh: apt-get install debootstrap" >&2; exit 2; }

mirror() {
  apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' | grep -v security | head -1
}

base() { # Print the archive of an empty system; it is built again after a week.
  local archive=$cache/$1.tar
  if [ -z "$(find "$archive" -mtime -7 2>/dev/null)" ]; then
    debootstrap --variant=minbase --include="$packages" "$1" "$work/$1.new" "$(mirror)" >"$work/debootstrap.log" 2>&1 ||
      { tail -5 "$work/debootstrap.log" >&2; return 1; }
    mkdir -p "$cache"
    tar --numeric-owner -C "$work/$1.new" -cf "$archive.part" .
    mv "$archive.part" "$archive"
    rm -rf --one-file-system "$work/$1.new"
  fi
  echo "$archive"
}

configure() { # Give a system the user, the clone, and this machine's way to the package index.
  local root=$1 folder="$1/home/newcomer/my calls/callvault" file
  cp /etc/resolv.conf "$root/etc/resolv.conf"
  cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
  for file in /etc/pip.conf "$HOME/.config/pip/pip.conf" "$HOME/.pip/pip.conf"; do
    if [ -e "$file" ]; then cp "$file" "$root/etc/pip.conf"; fi
  done
  chroot "$root" useradd --create-home --shell /bin/bash newcomer
  git clone --quiet "$repository" "$folder"
  chroot "$root" chown -R newcomer: /home/newcomer
}

enter() { # Run the steps as the user. Mounts and processes end with the namespaces.
  local root=$1
  shift
  env -i PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin LANG=C.UTF-8 TZ=America/New_York HOME=/home/newcomer \
    "${passed[@]}" unshare --mount --pid --fork --kill-child bash -euc '
      root=$1; shift
      mount --make-rprivate /
      mount --rbind /dev "$root/dev"
      mount -t proc proc "$root/proc"
      exec chroot --userspec newcomer:newcomer "$root" \
        bash -euc "cd \"/home/newcomer/my calls/callvault\" && exec bash tests/fresh/inside.sh \"\$@\"" inside "$@"
    ' enter "$root" "$@"
}

mapfile -t passed < <(env | grep -E '^(PIP_[A-Z_]+|PYTEST_ADDOPTS|WORKERS|[a-z]+_proxy|[A-Z]+_PROXY)=' || true)
work=$(mktemp -d /var/tmp/callvault-fresh.XXXXXX)
# Nothing is mounted here outside the namespaces; --one-file-system makes sure of it.
trap 'rm -rf --one-file-system "$work"' EXIT

failed=
for system in ${systems:-trixie testing}; do
  echo "$system"
  archive=$(base "$system")
  mkdir "$work/$system"
  tar --numeric-owner -C "$work/$system" -xf "$archive"
  configure "$work/$system"
  # shellcheck disable=SC2086 # One word for each step.
  enter "$work/$system" ${steps:-run test} || failed+=" $system"
  rm -rf --one-file-system "${work:?}/$system"
done
[ -z "$failed" ] || { echo "red:$failed"; exit 1; }
echo "green"
