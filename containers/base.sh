#!/bin/sh
# A base image of Debian's own Python, for where no registry is reached but a mirror of Debian is. As root, with the
# Debian packages debootstrap and podman:
#   containers/base.sh localhost/crossfade-base:bookworm
#   make images BUILDER=buildah BUILD_OPTIONS='--isolation chroot --layers --build-arg BASE=localhost/crossfade-base:bookworm'
set -eu
name=$1
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
debootstrap --variant=minbase --include=ca-certificates,python3,python3-venv bookworm "$root"
ln -s python3 "$root/usr/bin/python"
find "$root/var/cache/apt" "$root/var/lib/apt/lists" "$root/var/log" -type f -delete
tar --directory "$root" --create . | podman import - "$name"
