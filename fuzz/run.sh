#!/usr/bin/env bash
# Fuzzes: fuzz/run.sh [TARGET] [SECONDS]. Default: every target, 600 seconds each. Prints executions and findings as a
# table, and exits with 1 if there is a finding. Needs cargo-fuzz (`cargo install cargo-fuzz`) and a C++ compiler.
#
# The working corpus stays in fuzz/corpus/, an input that fails in fuzz/artifacts/.
set -euo pipefail
cd "$(dirname "$0")"

seconds=600
targets=()
for argument; do
  if [[ $argument =~ ^[0-9]+$ ]]; then
    seconds=$argument
  else
    targets+=("$argument")
  fi
done
if ((${#targets[@]} == 0)); then
  for file in fuzz_targets/*.rs; do
    targets+=("$(basename "$file" .rs)")
  done
fi

# The versions of the server, so that what is fuzzed is what is built.
cp ../Cargo.lock Cargo.lock

# Without a sanitizer: the crate has no unsafe code. Debug assertions and overflow checks are on, see Cargo.toml.
options=(--sanitizer none --no-cfg-fuzzing)

# field NAME LOG: a number of the last statistics.
field() {
  sed -n "s/^stat::$1: *//p" "$2" | tail -1
}

findings=0
rows=()
for target in "${targets[@]}"; do
  cargo fuzz build "${options[@]}" "$target"
  mkdir -p "corpus/$target" "artifacts/$target"
  log=artifacts/$target/log
  dictionary=()
  [[ -e dictionaries/$target ]] && dictionary=(-dict="dictionaries/$target")
  # Seconds for one input. A hash that is computed there takes milliseconds.
  limit=20
  [[ $target == password_hash ]] && limit=5
  started=$SECONDS
  status=0
  cargo fuzz run "${options[@]}" "$target" "corpus/$target" "seeds/$target" -- "${dictionary[@]}" \
    -max_total_time="$seconds" -max_len=4096 -timeout="$limit" -rss_limit_mb=2048 -print_final_stats=1 \
    >"$log" 2>&1 || status=$?
  executions=$(field number_of_executed_units "$log")
  found=0
  if ((status)); then
    found=1
    findings=1
    grep -a -A4 'panicked at\|SUMMARY' "$log" | head -20 >&2 || true
    echo "$target: the input is in fuzz/artifacts/$target, the output in fuzz/$log" >&2
  fi
  rows+=("| $target | ${executions:-?} | $((SECONDS - started)) | $found |")
done

printf '\n| Target | Executions | Seconds | Findings |\n|---|---|---|---|\n'
printf '%s\n' "${rows[@]}"
exit "$findings"
