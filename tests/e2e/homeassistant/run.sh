#!/usr/bin/env bash
# run.sh [VERSION...] [--newer] [--pictures] [--only=SCENE,...] : drives real Home Assistants, see drive.py;
# newest and 2024.12 unless named. --newer looks for a newer one first, --pictures renews those of docs/.
# All that is written stays in the folder that the last lines name if something failed.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source=$(cd "$here/../../.." && pwd)
folder=${XDG_CACHE_HOME:-$HOME/.cache}/akuvox2mqtt-e2e/homeassistant
versions=() scenes=() newer='' pictures='' passed=0 failed=0

for word in "$@"; do
	case $word in
	--newer) newer=--newer ;;
	--pictures) pictures=yes ;;
	--only=*) IFS=, read -ra scenes <<<"${word#*=}" ;;
	newest | 2024.12) versions+=("$word") ;;
	*)
		sed -n '2,4s/^# //p' "${BASH_SOURCE[0]}" >&2
		exit 2
		;;
	esac
done
[[ ${#versions[@]} -gt 0 ]] || versions=(newest 2024.12)

"$here/install.sh" "$folder" "$newer"
for version in "${versions[@]}"; do
	scratch=$(mktemp -d /tmp/home-assistant.XXXXXX)
	closing=''
	printf '== Home Assistant %s, in %s\n' \
		"$("$here/enter.sh" "$folder" "$version" /opt/ha/bin/hass --version)" "$scratch"
	"$here/enter.sh" "$folder" "$version" /opt/ha/bin/python -B "/host$here/drive.py" \
		"/host$source" "$source/build" "$scratch" "$folder/2024.12" \
		"${scenes[@]}" |
		tee "$scratch/drive.log" || true
	closing=$(grep -E '^[0-9]+ passed, [0-9]+ failed$' "$scratch/drive.log") ||
		closing='0 passed, 1 failed'
	((passed += ${closing%% *})) || true
	closing=${closing#*, }
	((failed += ${closing%% *})) || true
	if [[ $pictures && $version == newest ]]; then
		for picture in homeassistant-device homeassistant-dashboard; do
			"$here/enter.sh" "$folder" 2024.12 pngquant --force --strip --quality 60-95 \
				--output "/host$source/docs/$picture.png" "$scratch/$picture.png"
		done
	fi
	[[ $closing != 0\ failed ]] || rm -rf "$scratch"
done
printf '%d passed, %d failed\n' "$passed" "$failed"
[[ $failed -eq 0 ]]
