#!/bin/sh
# Fuzzes the grafts' code, one program after the other: `make fuzz-graft`. What is found is kept in
# build/fuzz, and tried first the next time.
#
#   fuzz_graft.sh SECONDS SEED DIFFER LIBFUZZER-PROGRAM...
set -eu

seconds=$1 seed=$2 differ=$3
shift 3
nice "$differ" "$seconds" "$seed"
for program; do
    corpus=build/fuzz/$(basename "$program")
    mkdir -p "$corpus"
    nice "$program" -seed="$seed" -max_total_time="$seconds" -max_len=4096 -verbosity=0 \
        -print_final_stats=1 -artifact_prefix="$corpus." "$corpus" 2>"$corpus.log" || {
        tail -40 "$corpus.log" >&2
        echo "$program: failed; see $corpus.log" >&2
        exit 1
    }
    sed -n "s/^stat::number_of_executed_units: */$(basename "$program"): inputs tried: /p" "$corpus.log"
done
