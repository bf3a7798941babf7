#!/bin/bash
# run.sh [--test|--no-test] [--from COMMIT] [ARCHITECTURE...] : builds Debian packages for amd64,
# arm64 and armhf in clean trees of Debian 12, has lintian judge them, and puts them into out/. Those
# for another processor are cross-compiled; with --test all unit and integration tests then run,
# emulated. An older commit is packaged the way this one is, as version 0.0.1.
set -euo pipefail
cd "${BASH_SOURCE[0]%/*}/../../.."
. tests/e2e/deb/tree.sh

test='' from='' out=${OUT:-out}
while [[ ${1:-} == -* ]]; do
	case $1 in
	--test | --no-test) test=${1#--} ;;
	--from) from=$2 && shift ;;
	*) echo "./dev deb takes no $1" >&2 && exit 2 ;;
	esac
	shift
done
native=$(dpkg --print-architecture)
[[ $# -gt 0 ]] || set -- "$native"
jobs=$(nproc)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
passed=0 failed=0

# The files as they are now, and the version; debian/changelog follows from it.
copy_source() {
	local version

	version=$(build-aux/version)
	mkdir "$folder/source"
	if [[ $from ]]; then
		version=0.0.1
		git archive "$from" | tar -x -C "$folder/source"
		cp -a debian "$folder/source"
	elif [[ -e .git ]]; then
		[[ -z $(git status --porcelain) ]] || version+=.changed
		git ls-files -z --cached --others --exclude-standard |
			tar -c --null --ignore-failed-read -T - | tar -x -C "$folder/source"
	else
		tar -c --exclude='./build*/' --exclude=./out . | tar -x -C "$folder/source"
	fi
	echo "$version" >"$folder/source/.dist-version"
	build-aux/debian-changelog "$version" >"$folder/source/debian/changelog"
}

# What debian/control asks for, installed for the target.
build_tree() {
	local target=$1 packages=build-essential,lintian

	[[ $target == "$native" ]] || packages+=,crossbuild-essential-$target
	tree "build-$target" "$native,$target" "$packages" \
		--customize-hook="# $(sha256sum <debian/control)" \
		--customize-hook="copy-in debian /opt" \
		--customize-hook="printf 'akuvox2mqtt (0) unstable; urgency=low\n\n  * .\n\n -- a <a@b>  Thu, 01 Jan 1970 00:00:00 +0000\n' >\"\$1/opt/debian/changelog\"" \
		--customize-hook="chroot \"\$1\" apt-get -qy --no-install-recommends --host-architecture=$target build-dep /opt >/dev/null"
}

# Adds up the results of all tests, and shows what failed.
count() {
	local result

	while read -r result; do
		case $result in
		*': PASS'* | *': XFAIL'*) passed=$((passed + 1)) ;;
		*) failed=$((failed + 1)) && echo "$result" ;;
		esac
	done < <(grep -rE '^:test-result: (PASS|XFAIL|FAIL|XPASS|ERROR)' --include='*.trs' "$1")
}

build() {
	local target=$1 emulate='' options=parallel=$jobs checked=0
	case $target in
	arm64) emulate=aarch64 ;;
	armhf) emulate=arm ;;
	esac

	[[ $target == "$native" && $test != no-test ]] || options+=' nocheck'
	build_tree "$target" || return
	mkdir -p "$folder/$target" "$out"
	cp -a "$folder/source" "$folder/$target/source" || return
	echo "Building for $target"
	in_tree "$tree" "$folder/$target" env DEB_BUILD_OPTIONS="$options" LC_ALL=C.UTF-8 sh -euc "
		cd /build/source
		dpkg-buildpackage -us -uc -b -a$target
		lintian --allow-root --fail-on error,warning ../*.changes >&3" \
		3>"$folder/$target/lintian" >"$out/$target.log" 2>&1 || {
		tail -n 30 "$out/$target.log"
		grep -a '^FAIL: ' "$out/$target.log" || true
		cat "$folder/$target/lintian"
		echo "More of it is in $out/$target.log"
		return 1
	}
	cat "$folder/$target/lintian"
	# README names the package without its version: there is one of each architecture.
	rm -f "$out"/akuvox2mqtt_*_"$target".deb "$out"/akuvox2mqtt-dbgsym_*_"$target".deb
	cp "$folder/$target"/*.deb "$out" || return
	cp "$folder/$target/source/tests/sim/akuvox-cloud-sim" "$out/akuvox-cloud-sim_$target"
	[[ $test == test || ! $options =~ nocheck ]] || return 0
	if [[ $target != "$native" ]]; then
		echo "Testing for $target, emulated"
		EMULATE=$emulate in_tree "$tree" "$folder/$target" env HARNESS_PATIENCE=120 \
			make -C /build/source -k -j"$jobs" check VERBOSE=1 \
			>"$out/$target-check.log" 2>&1 || checked=$?
	fi
	count "$folder/$target/source"
	[[ $checked -eq 0 ]] || echo "More of it is in $out/$target-check.log"
	[[ $checked -eq 0 || $failed -gt 0 ]]
}

[[ $EUID -eq 0 ]] || { echo 'This makes trees of Debian, as root: sudo ./dev deb' >&2; exit 1; }
./dev deps mmdebstrap qemu-user-static
copy_source
for target; do
	build "$target" || failed=$((failed + 1))
done
ls -l "$out"/*.deb
[[ $test != no-test ]] || exit "$failed"
printf '%d passed, %d failed\n' "$passed" "$failed"
[[ $failed -eq 0 ]]
