#!/usr/bin/env bash
# What follows from the program's own tables: bash completion, and the verbs of its manual page.
program=$TOP_BUILDDIR/akuvox2mqtt
page=$TOP_SRCDIR/man/akuvox2mqtt.1
# shellcheck disable=SC1091
source "$TOP_SRCDIR/etc/bash-completion/akuvox2mqtt"
n=0

# Outside of a completion there is nothing to set.
compopt() {
	:
}

sorted() {
	LC_ALL=C sort | paste -sd' '
}

# complete_words WORD... : what is offered for the last of these words.
complete_words() {
	COMP_WORDS=(akuvox2mqtt "$@")
	COMP_CWORD=$#
	_akuvox2mqtt "$program" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
	printf '%s\n' "${COMPREPLY[@]}" | sorted
}

# offers EXPECTED WORD...
offers() {
	local expected=$1 got
	shift

	n=$((n + 1))
	got=$(complete_words "$@")
	if [[ $got == "$expected" ]]; then
		echo "ok $n - $* offers $expected"
	else
		echo "# $got"
		echo "not ok $n - $* offers $expected"
	fi
}

verbs() {
	"$program" --help | sed -n 's/^  akuvox2mqtt \([a-z]*\) .*/\1/p'
}

# Each verb with its options stands in the synopsis, and the verb in the description.
page_is_complete() {
	local verb option synopsis

	n=$((n + 1))
	for verb in $(verbs); do
		synopsis=$(sed -n "/^\.Sh SYNOPSIS/,/^\.Sh DESC/{/^\.Cm $verb\$/,/^\.Nm/p}" "$page")
		[[ $synopsis ]] || echo "$verb is not in the synopsis"
		grep -q "^\.It Cm $verb\$" "$page" || echo "$verb is not described"
		for option in $(_akuvox2mqtt_options "$program" "$verb"); do
			grep -qE -- "Fl ${option#-}( |\$)" <<<"$synopsis" ||
				echo "$verb: $option is not in the synopsis"
		done
	done >"$TMPDIR/missing"
	sed 's/^/# /' "$TMPDIR/missing"
	[[ -s $TMPDIR/missing ]] && printf 'not '
	echo "ok $n - the manual page has every verb and option"
}

TMPDIR=$(mktemp -d) || exit 99
trap 'rm -rf "$TMPDIR"' EXIT
touch "$TMPDIR/a.conf" "$TMPDIR/b.conf"

echo 1..12
offers "$({ echo --help && echo --version && verbs; } | sorted)" ''
offers 'call check commands' c
offers '--help --offline -c' check -
offers '--help --rtsp' topics --
offers '--follow --help --json --kind --residence --since --until' history --
offers "$TMPDIR/a.conf $TMPDIR/b.conf" check -c "$TMPDIR/"
offers trigger_akuvox_remote_open_door call t
offers 'get_akuvox_face_file_info' call -c "$TMPDIR/a.conf" get_akuvox_fa
offers 'mac= relay_id= residence_id=' call -c "$TMPDIR/a.conf" trigger_akuvox_remote_open_door ''
offers 'relay_id=' call trigger_akuvox_remote_open_door mac = x rel
offers '' call trigger_akuvox_remote_open_door mac =
page_is_complete
