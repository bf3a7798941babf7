#!/usr/bin/env bash
# install.sh FOLDER [--newer] : makes FOLDER/newest and FOLDER/2024.12, each a small Debian with a Home
# Assistant in /opt/ha: the newest of PyPI, and one from the early days of device discovery. Takes a few
# minutes once, and a moment when they are there. --newer looks for a newer Home Assistant.
# The second tree has a browser too.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
folder=$1 newer=${2:-}
mirror=http://deb.debian.org/debian
packages=ca-certificates,python3,python3-venv,python3-dev,gcc,g++,libc6-dev,libturbojpeg0

# The frontend and the integrations that the test configures, besides those that these need.
# shellcheck disable=SC2054
integrations=(mqtt frontend mobile_app cloud hassio backup analytics history logbook brands labs
	marketplace)

# tree NAME SUITE PACKAGES: a mirror's index of a suite that moves may be older than it allows itself.
tree() {
	[[ ! -x $folder/$1/bin/sh ]] || return 0
	rm -rf "${folder:?}/$1.new"
	printf 'Making a tree of Debian %s\n' "$2"
	mmdebstrap --quiet --variant=apt --aptopt='Acquire::Check-Valid-Until "false"' \
		--include="$3" "$2" "$folder/$1.new" "$mirror"
	mv "$folder/$1.new" "$folder/$1"
}

inside() {
	"$here/enter.sh" "$folder" "$@"
}

# assistant NAME WHAT: installs it, and all it would get from PyPI later.
assistant() {
	local name=$1 what=$2 pip=(/opt/ha/bin/pip install --quiet --disable-pip-version-check)

	[[ -e $folder/$name/opt/ha/installed && -z $newer ]] && return
	printf 'Installing %s from PyPI\n' "$what"
	inside "$name" python3 -m venv /opt/ha
	inside "$name" "${pip[@]}" --upgrade "$what"
	inside "$name" /opt/ha/bin/python "/host$here/requirements.py" "${integrations[@]}" \
		>"$folder/$name/opt/ha/requirements.txt"
	inside "$name" "${pip[@]}" -r /opt/ha/requirements.txt
	touch "$folder/$name/opt/ha/installed"
}

type -P mmdebstrap >/dev/null || "$here/../../../dev" deps mmdebstrap
mkdir -p "$folder"
tree newest sid "$packages"
tree 2024.12 trixie "$packages,chromium,fonts-roboto,pngquant"
assistant newest homeassistant
assistant 2024.12 'homeassistant==2024.12.*'
