#!/usr/bin/env bash
# Measures the gateway against a floor, the bare libraries and a Python bridge, in turn, on this
# machine: ./dev bench [--quick] [PART...]. Called in the build folder. Parts: row slow many weight
# start wan scale
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
parts=' row slow many weight start wan scale '
rounds=${BENCH_ROUNDS:-5} count=3000 seconds=${BENCH_SECONDS:-60} sizes=(1 100 1000 5000)
if [[ ${1:-} == --quick ]]; then
	rounds=2 count=500 seconds=10 sizes=(1 100)
	shift
fi
[[ $# -eq 0 ]] || parts=" $* "

bin=$PWD/tests/bench
gateway=$PWD/akuvox2mqtt
doors=512
work=$(mktemp -d /tmp/akuvox2mqtt-bench-XXXXXX)
figures=${BENCH_FIGURES:-$PWD/bench.jsonl}
: >"$figures"
children=()

finish() {
	trap - EXIT
	[[ ${#children[@]} -eq 0 ]] || kill "${children[@]}" 2>/dev/null || true
	wait 2>/dev/null || true
	ip netns del bench-here 2>/dev/null || true
	ip netns del bench-there 2>/dev/null || true
	rm -rf "$work"
}
trap finish EXIT
trap 'exit 1' INT TERM

# behind FILE COMMAND... : in the background, until stop; $! is its process.
behind() {
	local file=$1
	shift
	"$@" </dev/null >"$file" 2>"$file.err" &
	children+=($!)
}

# stop PID
stop() {
	local pid rest=()

	kill "$1" 2>/dev/null || true
	wait "$1" 2>/dev/null || true
	for pid in "${children[@]}"; do
		[[ $pid == "$1" ]] || rest+=("$pid")
	done
	children=("${rest[@]}")
}

# until COMMAND... : for 20 s.
until_true() {
	for _ in {1..400}; do
		"$@" && return
		sleep 0.05
	done
	printf 'gave up: %s\n' "$*" >&2
	tail -n 5 "$work"/*.err >&2 || true
	return 1
}

# keep WHAT TARGET COMMAND... : a figure, which the command prints.
keep() {
	local what=$1 target=$2 found
	shift 2
	found=$("$@" 2>"$work/keep.err") || { tail -n 5 "$work"/*.err "$work"/*/*.err >&2; exit 1; }
	cat "$work/keep.err" >&2
	printf '{"what":"%s","target":"%s",%s\n' "$what" "$target" "${found#\{}" | tee -a "$figures"
}

certificate() {
	local ec=(-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes)
	{
		openssl req -x509 "${ec[@]}" -days 2 -subj '/CN=bench authority' \
			-keyout "$work/ca.key" -out "$work/ca.pem"
		openssl req "${ec[@]}" -subj /CN=localhost -keyout "$work/key.pem" \
			-out "$work/cert.csr"
		printf 'subjectAltName=DNS:localhost,IP:127.0.0.1,IP:10.213.0.2\n' >"$work/names"
		openssl x509 -req -in "$work/cert.csr" -CA "$work/ca.pem" -CAkey "$work/ca.key" \
			-CAcreateserial -days 2 -extfile "$work/names" -out "$work/cert.pem"
	} 2>/dev/null
	printf bench >"$work/token"
	chmod 600 "$work/token"
}

# broker PORT NODELAY [COMMAND...] : sets broker_pid.
broker() {
	rm -f "$work/mosquitto-$1.err"
	local port=$1 nodelay=$2
	shift 2
	printf 'user root\nallow_anonymous true\nset_tcp_nodelay %s\nmax_queued_messages 0\nlistener %d 127.0.0.1\n' \
		"$nodelay" "$port" >"$work/mosquitto-$port.conf"
	behind "$work/mosquitto-$port" "$@" "$(PATH=$PATH:/usr/sbin type -P mosquitto)" \
		-c "$work/mosquitto-$port.conf"
	broker_pid=$!
	until_true grep -qs ' running$' "$work/mosquitto-$port.err"
}

# cloud HOMES DEVICES RELAYS DELAY_MS [ADDRESS [COMMAND...]] : sets cloud_url and cloud_pid.
cloud() {
	local name="$work/cloud-$RANDOM" address=${5:-127.0.0.1:0} shape=("${@:1:4}")
	shift $(($# > 5 ? 5 : $#))
	behind "$name" "$@" "$bin/bench-cloud" "$address" "$work/cert.pem" "$work/key.pem" \
		"${shape[@]}"
	cloud_pid=$!
	cloud_file=$name
	until_true test -s "$name"
	read -r cloud_url <"$name"
}

# configuration NAME PORT URL [LINE...] : prints its file; a folder for the state is beside it.
configuration() {
	local name=$1 port=$2 url=$3
	shift 3
	mkdir -p "$work/$name"
	{
		printf '[cloud]\nurl = %s\nca_file = %s\naccess_token_file = %s\n' "$url" \
			"$work/ca.pem" "$work/token"
		printf '[mqtt]\nhost = 127.0.0.1\nport = %d\n' "$port"
		printf '[door]\nmax_per_minute = 60\nhold_time = 1\n'
		printf '%s\n' "$@"
	} >"$work/$name/conf"
	printf '%s' "$work/$name/conf"
}

# run_gateway NAME PORT URL [LINE...] : sets target_pid.
run_gateway() {
	local conf
	conf=$(configuration "$@")
	STATE_DIRECTORY=$work/$1 behind "$work/$1/log" "$gateway" run -c "$conf"
	target_pid=$!
}

# run_target TARGET MODE PORT URL : MODE is alone or many; sets target_pid.
run_target() {
	case $1 in
	gateway)
		run_gateway "gateway-$2" "$3" "$4"
		# The first polls and Home Assistant's documents are not what is measured.
		until_true grep -qs . "$work/gateway-$2/cache.db"
		sleep 10
		;;
	floor)
		behind "$work/floor" "$bin/bench-floor" "$2" "$3" "$4" "$work/ca.pem"
		target_pid=$!
		;;
	python)
		behind "$work/python" "$here/python_bridge.py" "$2" "$3" "$4" "$work/ca.pem"
		target_pid=$!
		;;
	esac
}

# openings WHAT DELAY_MS COUNT NODELAY TARGET... : in a row, all targets in turn.
openings() {
	local what=$1 delay=$2 count=$3 nodelay=$4 target
	shift 4
	cloud 16 8 4 "$delay"
	broker 21901 "$nodelay"
	for ((round = 0; round < rounds; round++)); do
		for target in "$@"; do
			run_target "$target" alone 21901 "$cloud_url"
			keep "$what" "$target" \
				"$bin/bench-load" row 21901 $doors "$count" "$target_pid"
			stop "$target_pid"
		done
	done
	stop "$broker_pid"
	stop "$cloud_pid"
}

part_row() {
	openings row 0 "$count" true floor gateway python
	openings row-nagle 0 $((count / 20)) false floor gateway python
}

part_slow() {
	openings slow-10ms 10 $((count / 10)) true floor gateway python
}

# requests WHAT DELAY_MS COUNT ROUNDS TARGET...
requests() {
	local what=$1 delay=$2 count=$3 times=$4 target
	shift 4
	cloud 16 8 4 "$delay"
	broker 21902 true
	for ((round = 0; round < times; round++)); do
		for target in "$@"; do
			run_target "$target" many 21902 "$cloud_url"
			keep "$what" "$target" \
				"$bin/bench-load" many 21902 $doors "$count" 16 "$target_pid"
			stop "$target_pid"
		done
	done
	stop "$broker_pid"
	stop "$cloud_pid"
}

# Runs of the same program differ by a fifth, as brokers, clouds and processors fall in and out of step:
# many of those that are held against each other.
part_many() {
	requests many 0 $((count * 4)) $((rounds * 3)) floor gateway
	requests many 0 "$count" "$rounds" python
	requests many-20ms 20 $((count / 2)) "$rounds" gateway python
}

# What they weigh at rest, with one home; seldom, as it takes its time.
part_weight() {
	cloud 1 2 2 0
	broker 21903 true
	for ((round = 0; round < (rounds > 3 ? 3 : rounds); round++)); do
		run_gateway weight 21903 "$cloud_url"
		sleep 5
		keep weight gateway "$bin/bench-load" idle "$seconds" "$target_pid"
		stop "$target_pid"
		behind "$work/floor" "$bin/bench-floor" rest 21903 "$cloud_url" "$work/ca.pem"
		target_pid=$!
		sleep 5
		keep weight floor "$bin/bench-load" idle "$seconds" "$target_pid"
		stop "$target_pid"
		behind "$work/libraries" "$bin/bench-libraries" 21903 "$cloud_url" \
			"$work/ca.pem" "$work/libraries.db"
		sleep 2
		keep weight libraries "$bin/bench-load" idle 2 $!
		stop $!
		run_target python alone 21903 "$cloud_url"
		sleep 2
		keep weight python "$bin/bench-load" idle 10 "$target_pid"
		stop "$target_pid"
	done
	STATE_DIRECTORY=$work/weight keep instructions gateway instructions \
		"$gateway" run -c "$work/weight/conf"
	keep instructions floor instructions "$bin/bench-floor" rest 21903 "$cloud_url" \
		"$work/ca.pem"
	stop "$broker_pid"
	stop "$cloud_pid"
}

# instructions COMMAND... : how many it runs in a minute at rest, however long this machine takes to bring
# back a page that nobody used for a while.
instructions() {
	local file=$work/instructions pid

	behind "$file" valgrind --tool=callgrind --instr-atstart=no \
		--callgrind-out-file=/dev/null "$@"
	pid=$!
	sleep 20
	callgrind_control -i on "$pid" >/dev/null 2>&1
	sleep "$seconds"
	callgrind_control -i off "$pid" >/dev/null 2>&1
	stop "$pid"
	awk -v seconds="$seconds" '/ Collected : / {n = $4}
		END {if (!n) exit 1
		printf "{\"millions_min\":%.2f}\n", n * 60 / seconds / 1e6}' "$file.err"
}

# start_of TARGET COMMAND... : the second of two, lest it pays for what the program before it has left
# in the processor's caches.
start_of() {
	local target=$1
	shift
	"$bin/bench-load" start 21904 4 "$@" >"$work/keep.err" 2>&1
	keep start "$target" "$bin/bench-load" start 21904 4 "$@"
}

part_start() {
	local conf
	cloud 1 2 2 0
	broker 21904 true
	conf=$(configuration start 21904 "$cloud_url")
	export STATE_DIRECTORY=$work/start
	behind "$work/start/log" "$gateway" run -c "$conf"
	until_true test -s "$work/start/cache.db-wal" || true
	sleep 4
	stop $!
	for ((round = 0; round < rounds * 12; round++)); do
		start_of floor "$bin/bench-floor" alone 21904 "$cloud_url" "$work/ca.pem"
		start_of gateway "$gateway" run -c "$conf"
	done
	for ((round = 0; round < rounds; round++)); do
		start_of python "$here/python_bridge.py" alone 21904 "$cloud_url" \
			"$work/ca.pem"
	done
	stop "$cloud_pid"
	for ((round = 0; round < rounds * 4; round++)); do
		keep cached gateway "$bin/bench-load" state 21904 home/h0/door/r0/state \
			"$gateway" run -c "$conf"
	done
	stop "$broker_pid"
	unset STATE_DIRECTORY
}

# 40 ms there and back: openings on a warm connection, during polls, and after the cloud has closed
# what was idle.
part_wan() {
	local inside=(ip netns exec bench-here) outside=(ip netns exec bench-there)
	ip netns add bench-here
	ip netns add bench-there
	behind "$work/line" "$bin/bench-delay-line" bench-here bench-there 20
	until_true grep -qs ready "$work/line"
	ip -n bench-here link set lo up
	ip -n bench-here addr add 10.213.0.1 peer 10.213.0.2 dev slow0
	ip -n bench-here link set slow0 up
	ip -n bench-there link set lo up
	ip -n bench-there addr add 10.213.0.2 peer 10.213.0.1 dev slow0
	ip -n bench-there link set slow0 up
	cloud 20 8 4 0 10.213.0.2:21905 "${outside[@]}"
	broker 21905 true "${inside[@]}"
	for ((round = 0; round < rounds; round++)); do
		wan_gateway
		keep wan-rest gateway "${inside[@]}" "$bin/bench-load" row 21905 640 40 "$target_pid"
		behind "$work/refresh" "${inside[@]}" bash -c 'while sleep 0.4; do
			mosquitto_pub -p 21905 -t home/bridge/request/refresh -n; done'
		refresh_pid=$!
		keep wan-polls gateway "${inside[@]}" "$bin/bench-load" row 21905 640 40 "$target_pid"
		stop "$refresh_pid"
		sleep 2
		keep wan-closed gateway "${inside[@]}" "$bin/bench-load" closed 21905 640 20 \
			"$cloud_pid" 500
		keep wan-just-closed gateway "${inside[@]}" "$bin/bench-load" closed 21905 640 20 \
			"$cloud_pid" 30
		stop "$target_pid"
		behind "$work/floor" "${inside[@]}" "$bin/bench-floor" alone 21905 \
			https://10.213.0.2:21905 "$work/ca.pem"
		target_pid=$!
		keep wan-rest floor "${inside[@]}" "$bin/bench-load" row 21905 640 40 "$target_pid"
		stop "$target_pid"
	done
}

# ip netns exec becomes what it starts, so its process is the gateway's.
wan_gateway() {
	local conf
	conf=$(configuration wan 21905 https://10.213.0.2:21905)
	STATE_DIRECTORY=$work/wan behind "$work/wan/log" ip netns exec bench-here \
		"$gateway" run -c "$conf"
	target_pid=$!
	sleep 8
}

# Homes with 8 devices each, after their first cycle: what a poll costs, what they weigh, the start from
# the file; and openings while all of them are polled, beside a gateway that has little to do. Without
# Home Assistant, whose documents are told at 50 a second.
part_scale() {
	local homes round
	export BENCH_DOORS_OF_HOME=8 BENCH_ROWS=10
	# Before all others, that what else this machine does is not measured.
	chrt --rr --pid 5 $$ 2>/dev/null || printf 'no real time: not root?\n' >&2
	broker 21906 true
	scale_polls
	for homes in "${sizes[@]}"; do
		keep "scale-$homes" gateway cat "$work/scale-$homes/figures"
	done
	for ((round = 0; round < rounds * 3; round++)); do
		for homes in "${sizes[@]}"; do
			export STATE_DIRECTORY=$work/scale-$homes
			keep "scale-$homes" gateway "$bin/bench-load" all 21906 \
				"scale-$homes/+/door/+/state" $((homes * 8)) \
				"$gateway" run -c "$work/scale-$homes/conf"
		done
	done
	for homes in "${sizes[@]}"; do
		stop "${clouds[homes]}"
	done
	for ((round = 0; round < rounds; round++)); do
		for homes in 8 "${sizes[@]:2}"; do
			cloud "$homes" 8 1 0
			scale_gateway home
			sleep 5
			# Of eight homes the first cycle is long over, of the others it is not.
			keep "first-$homes" gateway "$bin/bench-load" row 21906 64 \
				$((count / 3)) "$target_pid"
			mosquitto_pub -p 21906 -t home/bridge/request/refresh -n
			keep "cycle-$homes" gateway "$bin/bench-load" row 21906 64 \
				$((count / 3)) "$target_pid"
			stop "$target_pid"
			stop "$cloud_pid"
			rm -r "${work:?}/home"
		done
	done
	stop "$broker_pid"
	chrt --other --pid 0 $$ 2>/dev/null || true
	unset BENCH_DOORS_OF_HOME BENCH_ROWS STATE_DIRECTORY
}

# All sizes in the same minute, as a machine is now faster and now slower. Sets clouds.
scale_polls() {
	local homes gateways=() files=() measuring=()
	clouds=()
	for homes in "${sizes[@]}"; do
		cloud "$homes" 8 1 0
		scale_gateway "scale-$homes"
		gateways[homes]=$target_pid clouds[homes]=$cloud_pid files[homes]=$cloud_file
	done
	# Polls that are asked for together are spread by 2.5 ms each.
	sleep $((homes / 50 + 10))
	for homes in "${sizes[@]}"; do
		polls_of "${gateways[homes]}" "${clouds[homes]}" "${files[homes]}" \
			"$seconds" >"$work/scale-$homes/figures" &
		measuring+=($!)
	done
	wait "${measuring[@]}"
	for homes in "${sizes[@]}"; do
		stop "${gateways[homes]}"
	done
}

# scale_gateway BASE_TOPIC : sets target_pid.
scale_gateway() {
	export STATE_DIRECTORY=$work/$1
	run_gateway "$1" 21906 "$cloud_url" '[homeassistant]' 'discovery = off' \
		'[mqtt]' "base_topic = $1" "client_id = $1"
}

# polls_of PID CLOUD_PID CLOUD_FILE SECONDS : what it takes when nobody asks, in all and for each call.
polls_of() {
	local before idle
	before=$(requests_so_far "$2" "$3")
	idle=$("$bin/bench-load" idle "$4" "$1")
	requests_so_far "$2" "$3" | python3 -c '
import json, sys
figures, seconds, before = json.loads(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
connections, now, requests, _ = map(int, sys.stdin.read().split())
calls = requests - int(before.split()[2])
figures["calls_s"] = round(calls / seconds, 2)
figures["call_us"] = round(figures["cpu_ms_min"] / 60 * seconds * 1000 / max(calls, 1), 1)
figures["connections"] = connections
print(json.dumps(figures))' "$idle" "$4" "$before"
}

# requests_so_far CLOUD_PID CLOUD_FILE : connections ever and now, requests, openings.
requests_so_far() {
	local lines
	lines=$(wc -l <"$2")
	kill -USR1 "$1"
	until_true more_lines "$2" "$lines"
	tail -n 1 "$2"
}

more_lines() {
	(($(wc -l <"$1") > $2))
}

certificate
for part in row slow many weight start wan scale; do
	[[ $parts == *" $part "* ]] && "part_$part"
done
python3 "$here/table.py" "$figures"
