#!/usr/bin/python3
"""The figures of a run as a table, with the targets they are held against, and as JSON."""

import json
import statistics
import sys


def pairs(runs, figure, to):
    """The median of what each run is to the one beside it: a machine is now faster and now slower."""
    return statistics.median(
        here / there for here, there in zip(runs["gateway"][figure], runs[to][figure]))


def ratio(figure, limit, to="floor"):
    return lambda runs: (pairs(runs, figure, to), limit)


def at_least(figure, limit, to="floor"):
    return lambda runs: (limit, pairs(runs, figure, to))


def median(runs, figure):
    return statistics.median(runs["gateway"][figure])


def at_most(figure, limit):
    return lambda runs: (median(runs, figure), limit)


# what, words, function of the runs by target -> (figure, limit)
TARGETS = [
    ("row", "opening in a row, p50, to the floor", ratio("p50_us", 1.2)),
    ("row", "opening in a row, p99, to the floor", ratio("p99_us", 1.5)),
    ("row", "processor for an opening, to the floor", ratio("cpu_us", 1.5)),
    ("slow-10ms", "cloud takes 10 ms, p50, to the floor", ratio("p50_us", 1.05)),
    ("many", "16 outstanding requests a second, to the floor", at_least("per_s", 0.75)),
    ("many-20ms", "cloud takes 20 ms: requests a second", lambda runs: (360, median(runs, "per_s"))),
    ("weight", "memory with one home, to the libraries", ratio("rss_kb", 1.2, "libraries")),
    ("weight", "wake-ups a second at rest", at_most("wakeups_s", 1)),
    ("weight", "processor at rest, ms a minute", at_most("cpu_ms_min", 15)),
    ("instructions", "... its own instructions, millions a minute: ms at 1 ns each",
     at_most("millions_min", 15)),
    ("start", "start to first opening, to the floor", ratio("start_ms", 1.2)),
    ("cached", "first retained state from the cache, ms", at_most("state_ms", 50)),
    ("wan-rest", "40 ms round trip: opening, round trips",
     lambda runs: (median(runs, "p50_us") / 40000, 1.05)),
    ("wan-polls", "... during polls, round trips",
     lambda runs: (median(runs, "p50_us") / 40000, 1.05)),
    ("wan-closed", "... after the cloud closed idle lines, round trips",
     lambda runs: (median(runs, "p50_us") / 40000, 3)),
]


# Figures of several parts: words, function of the medians of all parts -> figure, limit. A little
# more than a limit says is measured by chance.
def across(part, other, figure):
    return lambda m: m[part][figure] / m[other][figure]


def growth(figure, low, middle, high):
    """What one more home costs among many, to what it costs among few."""
    def slope(m, few, many):
        return (m[f"scale-{many}"][figure] - m[f"scale-{few}"][figure]) / (many - few)
    return lambda m: slope(m, middle, high) / slope(m, low, middle)


ACROSS = [
    ("1 home while larger gateways work beside it: processor, ms a minute",
     lambda m: m["scale-1"]["cpu_ms_min"], 15),
    ("5,000 homes: processor for a call, to 100", across("scale-5000", "scale-100", "call_us"), 1.1),
    ("5,000 homes: ..., to 1,000", across("scale-5000", "scale-1000", "call_us"), 1.1),
    ("5,000 homes: memory for one more, to 1,000", growth("rss_kb", 100, 1000, 5000), 1.1),
    ("5,000 homes: start until all is published, one more, to 1,000",
     growth("all_ms", 100, 1000, 5000), 1.1),
    ("5,000 homes: ... processor", growth("start_cpu_ms", 100, 1000, 5000), 1.1),
    ("5,000 homes: connections ever", lambda m: m["scale-5000"]["connections"], 10),
    ("1,000 homes: opening during the first cycle, p99, to at rest",
     across("first-1000", "first-8", "p99_us"), 2),
    ("1,000 homes: opening while all is polled, p99, to at rest",
     across("cycle-1000", "first-8", "p99_us"), 2),
]


def read(path):
    samples = {}
    for line in open(path):
        row = json.loads(line)
        place = samples.setdefault(row.pop("what"), {}).setdefault(row.pop("target"), {})
        for name, value in row.items():
            place.setdefault(name, []).append(value)
    return samples


def main():
    samples = read(sys.argv[1])
    result = {"figures": {}, "targets": []}
    for what, targets in samples.items():
        figures = result["figures"].setdefault(what, {})
        print(f"\n{what}")
        for target, values in targets.items():
            medians = {name: statistics.median(v) for name, v in values.items()}
            figures[target] = {n: {"median": medians[n], "min": min(v), "max": max(v),
                                   "runs": len(v)} for n, v in values.items()}
            cells = [f"{n} {medians[n]:g} ({min(v):g}..{max(v):g})" for n, v in values.items()]
            print(f"  {target:10} " + "  ".join(cells))
    print(f"\n{'target':68} {'measured':>9} {'limit':>7}")
    missed = 0
    for what, words, figure in TARGETS:
        if what not in samples:
            continue
        low, high = figure(samples[what])
        upside_down = words.startswith(("16 outstanding", "cloud takes 20"))
        measured, limit = (high, low) if upside_down else (low, high)
        held = low <= high
        missed += not held
        result["targets"].append({"what": words, "measured": measured, "limit": limit,
                                  "held": held})
        sign = ">=" if upside_down else "<="
        print(f"{words:68} {measured:9.2f} {sign}{limit:6g} {'' if held else '  missed'}")
    medians = {what: {n: statistics.median(v) for n, v in targets["gateway"].items()}
               for what, targets in samples.items() if "gateway" in targets}
    for words, figure, limit in ACROSS:
        try:
            measured = figure(medians)
        except KeyError:
            continue
        held = measured <= limit
        missed += not held
        result["targets"].append({"what": words, "measured": measured, "limit": limit,
                                  "held": held})
        print(f"{words:68} {measured:9.2f} <={limit:6g} {'' if held else '  missed'}")
    with open(sys.argv[1].removesuffix(".jsonl") + ".json", "w") as f:
        json.dump(result, f, indent=1)
    return 1 if missed else 0


sys.exit(main())
