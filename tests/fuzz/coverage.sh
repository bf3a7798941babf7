#!/usr/bin/env bash
# coverage.sh FOLDER NAME... : replays the corpora in programs that clang has built with
# -fprofile-instr-generate -fcoverage-mapping, and counts which lines of the files each fuzz program
# is about they reach. Fails below 90 % of one. Called by ./dev fuzz --coverage.
#
# Lines that nothing but a lack of memory reaches do not count; the last column says how many these
# are: lines not reached that hold ENOMEM (with what is next to them in their block), and those that
# return NULL where json-c could not.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

wanted=90

# What each is about.
about() {
	case $1 in
	answer) echo cloud/fold.c cloud/records.c cache/access.c cache/merge.c cache/recent.c \
		cache/window.c ;;
	cache) echo cache/archive.c cache/archive_walk.c cache/file.c cache/outbox.c cache/rows.c \
		cache/schema.c cache/store.c cache/vault.c ;;
	config) echo daemon/config.c daemon/config_check.c daemon/config_errors.c \
		daemon/config_keys.c daemon/config_read.c daemon/config_text.c \
		daemon/config_value.c ;;
	jpeg) echo bridge/jpeg.c ;;
	request) echo bridge/access.c bridge/answer.c bridge/handle.c bridge/history_request.c \
		bridge/names.c bridge/payload.c bridge/request.c bridge/requests.c \
		bridge/retained.c bridge/seen.c bridge/temp_key.c bridge/topic.c cloud/param.c \
		util/json.c ;;
	token) echo cloud/grant.c cloud/token_file.c ;;
	*)
		echo "nobody knows what fuzz_$1 is about" >&2
		return 1
		;;
	esac
}

folder=$1
shift
status=0
printf '%-8s %-26s %5s %7s %7s %9s\n' corpus file lines reached percent no-memory
for name in "$@"; do
	program=$folder/tests/fuzz/fuzz_$name
	profile=$folder/$name.profdata
	files=$(about "$name")
	TOP_SRCDIR=$PWD LLVM_PROFILE_FILE=$folder/$name.profraw "$program" >"$folder/$name.tap"
	llvm-profdata merge -o "$profile" "$folder/$name.profraw"
	llvm-cov show "$program" -instr-profile="$profile" | awk -v top="$PWD/" -v name="$name" \
		-v files="$files" -v wanted="$wanted" '
		BEGIN {
			n = split(files, order, " ")
			for (i = 1; i <= n; i++)
				is_wanted[order[i]] = 1
		}
		/^\// {
			file = substr($0, length(top) + 1)
			sub(/:$/, "", file)
			next
		}
		file in is_wanted && /^ +[0-9]+\| +[0-9.]+[kMG]?\|/ {
			split($0, part, "|")
			lines[file]++
			if (part[2] + 0 > 0 || part[2] ~ /[1-9]/) {
				reached[file]++
			} else if (/ENOMEM/) {
				none[file] += 1 + (before ~ /\| +0\|.* = NULL;$/)
			} else if ((/\|\t*}$/ && before ~ /ENOMEM/) || (/return NULL;/ && before ~ /json_|< 0/)) {
				none[file]++
			}
			before = $0
			next
		}
		END {
			for (i = 1; i <= n; i++) {
				file = order[i]
				percent = 100 * reached[file] / (lines[file] - none[file])
				printf "%-8s %-26s %5d %7d %6.1f%% %9d%s\n", name, file, lines[file],
					reached[file], percent, none[file], percent < wanted ? " *" : ""
				low = low || percent < wanted
			}
			exit low
		}' || status=1
done
[[ $status -eq 0 ]] || printf '* less than %d %%\n' "$wanted"
exit "$status"
