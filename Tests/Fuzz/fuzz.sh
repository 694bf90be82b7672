#!/bin/sh
# Runs every fuzz target, or those named, for SECONDS each, and prints what was executed and covered.
# Seeds are golden cases and crashes of the past; an input that fails is kept in Tests/Fuzz/crashes, for ever.
#   SECONDS_EACH=60 sh Tests/Fuzz/fuzz.sh [TARGET…]
set -eu
cd "$(dirname "$0")/../.."
seconds=${SECONDS_EACH:-60}
binary=.build-fuzz/release/xspress-fuzz
corpora=.build-fuzz/corpora
# A trap ends the run; a backtrace of a sanitised process can take minutes.
export SWIFT_BACKTRACE=enable=no XSPRESS_CHECKOUT="$PWD" OPENBLAS_NUM_THREADS=1
export ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1

# Artifacts and a pack of the tiny model, made by the tool where it is built; a payload is an artifact unpacked.
tool=${XSPRESS:-.build/release/xspress}
made=$corpora/made
mkdir -p "$made"
if [ -x "$tool" ]; then
  for store in f32 int8 int3; do
    "$tool" convert --base golden/tiny/model --adapter golden/tiny/adapter --rank 2 --method projected \
      --store $store --log none -o "$made/$store.loraxs"
    zstd -dqf "$made/$store.loraxs" -o "$made/$store.payload" || true
  done
  "$tool" bases --base golden/tiny/model --rank 2 --log none -o "$made/pack.xsbases" >"$made/log"
fi

seeds() {
  case $1 in
    safetensors | adapter) find golden/tiny golden/safetensors golden/configs -name '*.safetensors' -size -64k ;;
    gguf) find golden/gguf golden/decode golden/llama golden/models -name '*.gguf' -size -256k ;;
    json | model-config) find golden -name 'config.json' -size -64k ;;
    adapter-config) find golden/configs golden/tiny -name adapter_config.json ;;
    manifest) find golden -name '*.yaml' ;;
    data) find golden/openings golden/evaluation -name '*.jsonl' -size -64k ;;
    tokenizer) find golden -name tokenizer.json -size -64k ;;
    pickle) find golden -name '*.bin' -size -64k ;;
    artifact) find "$made" -name '*.loraxs' ;;
    payload) find "$made" -name '*.payload' ;;
    pack) find "$made" -name '*.xsbases' ;;
  esac 2>/dev/null | head -n 40
}

failed=0
printf '%-15s %12s %10s %9s  %s\n' target executions per_second coverage result
for target in ${*:-safetensors gguf json manifest data tokenizer pickle artifact payload pack checkpoint adapter \
  adapter-config model-config}; do
  corpus=$corpora/$target
  crashes=Tests/Fuzz/crashes/$target
  mkdir -p "$corpus" "$crashes"
  number=0
  for seed in $(seeds "$target"); do
    number=$((number + 1))
    cp "$seed" "$corpus/seed-$number"
  done
  log=$corpora/$target.log
  result=clean
  XSPRESS_FUZZ_TARGET=$target "$binary" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 \
    -max_len=65536 -print_final_stats=1 -artifact_prefix="$crashes/" "$corpus" "$crashes" >"$log" 2>&1 ||
    { result="FAILED, see $log"; failed=1; }
  executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
  rate=$(sed -n 's/^stat::average_exec_per_sec: *//p' "$log")
  coverage=$(sed -n 's/.*cov: \([0-9]*\).*/\1/p' "$log" | tail -n 1)
  printf '%-15s %12s %10s %9s  %s\n' "$target" "${executions:-0}" "${rate:-0}" "${coverage:-0}" "$result"
  rmdir "$crashes" 2>/dev/null || true
done
exit $failed
