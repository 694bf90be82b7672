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

# An adapter of any dialect as one input: configuration, NUL, weights.
mkdir -p "$made/dialects" "$made/published" "$made/records" "$made/keys"
for weights in $(find golden/adapters_* golden/tiny -name '*.safetensors' -size -40k); do
  folder=$(dirname "$weights")
  [ "$(basename "$weights")" = expected.safetensors ] && continue
  name=$(echo "$folder" | tr / -)
  { cat "$folder/adapter_config.json" 2>/dev/null || true; printf '\0'; cat "$weights"; } >"$made/dialects/$name"
done
# A row of each published form behind the number of the form; records of a run; keys, where there is an openssl.
number=0
for row in '{"instruction":"a","input":"","output":"b"}' \
  '{"instruction":"Choose: Answer1: a Answer2: b","answer":"answer1","output":"the correct answer is answer1"}' \
  '{"query":"a","response":"b The answer is: 1"}' '{"question":"a","answer":"b\n#### 1"}' \
  '{"problem":"a","solution":"\\boxed{1}"}' \
  '{"conversations":[{"from":"human","value":"a"},{"from":"gpt","value":"b"}]}' \
  '[{"sentence1":"a","sentence2":"b","label":1},{"premise":"a","hypothesis":"b","label":0.5}]'; do
  { printf "\\$(printf %03o $number)"; printf '%s\n' "$row"; } >"$made/published/$number"
  number=$((number + 1))
done
find golden -name 'record*.json' -size -64k -exec cp {} "$made/records/" \; 2>/dev/null
if command -v openssl >/dev/null; then
  openssl genpkey -algorithm ed25519 -out "$made/keys/secret" 2>/dev/null &&
    openssl pkey -in "$made/keys/secret" -pubout -out "$made/keys/shared" 2>/dev/null || true
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
    dialect) find "$made/dialects" -type f ;;
    published) find "$made/published" -type f ;;
    record) find "$made/records" -type f ;;
    key) find "$made/keys" -type f ;;
  esac 2>/dev/null | head -n 40
}

failed=0
printf '%-15s %12s %10s %9s  %s\n' target executions per_second coverage result
for target in ${*:-safetensors gguf json manifest data tokenizer pickle artifact payload pack checkpoint adapter \
  adapter-config model-config dialect published record key}; do
  corpus=$corpora/$target
  crashes=Tests/Fuzz/crashes/$target
  mkdir -p "$corpus" "$crashes"
  place=0
  for seed in $(seeds "$target"); do
    place=$((place + 1))
    cp "$seed" "$corpus/seed-$place"
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
