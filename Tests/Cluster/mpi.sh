#!/bin/bash
# `xspress tune --mpi` under Open MPI on this machine: one, two and four ranks give the same bytes; a killed rank ends the
# job, which goes on under another number of them; what is wrong on one rank ends all of them with one line.
#   bash Tests/Cluster/mpi.sh [XSPRESS]
# In a network of its own, since Open MPI listens on every interface. Without Open MPI or the right to make such a network
# it says so and is skipped.
set -euo pipefail
cd "$(dirname "$0")/../.."
tool=$(realpath "${1:-.build/release/xspress}")

fail() {
  echo "mpi: $1" >&2
  exit 1
}
for command in mpirun mpicc unshare ip; do
  command -v $command >/dev/null || { echo "mpi: SKIPPED, no $command"; exit 0; }
done
mpirun --version 2>/dev/null | grep -q "Open MPI" || { echo "mpi: SKIPPED, mpirun is not Open MPI's"; exit 0; }
if [ -z "${XSPRESS_MPI_NET:-}" ]; then
  unshare -rn true 2>/dev/null || { echo "mpi: SKIPPED, no network namespaces here"; exit 0; }
  XSPRESS_MPI_NET=own exec unshare -rn bash "$0" "$@"
fi
ip link set lo up

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
make -s mpi-shim MPI_SHIM="$work/libxspress-mpi.so"
export XSPRESS_MPI=$work/libxspress-mpi.so OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
export TMPDIR=$work
ldd "$tool" | grep -qi mpi && fail "the plain program is linked with MPI"

# A LoRA of rank 4 on every q_proj and v_proj of a golden model, and rows for it.
base=$PWD/golden/models/qwen2/model.gguf
python3 - "$work" golden/models/qwen2/config.json <<'PYTHON'
import json, pathlib, random, struct, sys

work, config = pathlib.Path(sys.argv[1]), json.loads(pathlib.Path(sys.argv[2]).read_text())
random.seed(1)
hidden, heads = config["hidden_size"], config["num_attention_heads"]
size = config.get("head_dim") or hidden // heads
outputs = {"q_proj": heads * size, "v_proj": config["num_key_value_heads"] * size}
header, data = {}, b""
for layer in range(config["num_hidden_layers"]):
    for module, output in outputs.items():
        for name, shape in (("lora_A", [4, hidden]), ("lora_B", [output, 4])):
            numbers = [random.gauss(0, 0.3) for _ in range(shape[0] * shape[1])]
            raw = struct.pack(f"<{len(numbers)}f", *numbers)
            key = f"base_model.model.model.layers.{layer}.self_attn.{module}.{name}.weight"
            header[key] = {"dtype": "F32", "shape": shape, "data_offsets": [len(data), len(data) + len(raw)]}
            data += raw
for folder, alpha in (("adapter", 8), ("other", 4)):
    (work / folder).mkdir()
    text = json.dumps(header).encode()
    (work / folder / "adapter_model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data)
    (work / folder / "adapter_config.json").write_text(json.dumps(
        {"peft_type": "LORA", "r": 4, "lora_alpha": alpha, "target_modules": list(outputs)}))
words = ["AB", "CD", "EFG", "HI", "JKL"]
with open(work / "rows.jsonl", "w") as rows:
    for row in range(160):
        prompt = " ".join(random.choice(words) for _ in range(8 + row % 9))
        rows.write(json.dumps({"prompt": prompt, "completion": random.choice(words)}) + "\n")
(work / "openings.jsonl").write_text("".join(json.dumps({"opening": word}) + "\n" for word in words))
PYTHON

# tune OUT: as `launch` says how; what it says goes to OUT.log. Nothing is taken from another run's cache.
tune() {
  "${launch[@]}" "$tool" tune "${flags[@]}" --base "$base" --adapter "$work/adapter" --rank 3 \
    --train "$work/rows.jsonl" --train-limit 120 --validation 0.2 --batch-size 32 --steps "$steps" --checkpoint-every 10 \
    --eval "$work/rows.jsonl" --eval-skip 120 --control top --calibrate "$work/rows.jsonl" --calibrate-limit 32 \
    --cache-dir "$1.cache" --log plain -o "$1" >"$1.out" 2>"$1.log"
}
ranks() {
  launch=(mpirun --quiet -np "$1" --oversubscribe --bind-to none --mca btl self,vader --mca mpi_yield_when_idle 1)
  flags=(--mpi --threads 1)
}
steps=300

launch=(env) flags=()
tune "$work/alone.loraxs" || fail "alone: $(cat "$work/alone.loraxs.log")"
for count in 1 2 4; do
  ranks $count
  tune "$work/$count.loraxs" || fail "$count ranks: $(cat "$work/$count.loraxs.log")"
  cmp "$work/alone.loraxs" "$work/$count.loraxs" || fail "$count ranks give other bytes"
  [ "$(grep -c '^accuracy' "$work/$count.loraxs.out")" = 1 ] || fail "$count ranks print $(cat "$work/$count.loraxs.out")"
  [ ! -e "$work/$count.loraxs.tuning" ] || fail "$count ranks leave a checkpoint"
done
echo "mpi: 1, 2 and 4 ranks give the bytes of a process alone"

# What else meets in exchanges: a race of forms within a budget, a search for the rate, vectors of a residual, texts by the model.
other() {
  local name=$1
  shift
  for how in "" 3; do
    launch=(env) flags=(--threads 1)
    [ -z "$how" ] || ranks $how
    "${launch[@]}" "$tool" tune "${flags[@]}" --base "$base" --adapter "$work/adapter" --steps 20 --batch-size 32 --log none \
      "$@" --cache-dir "$work/$name$how.cache" -o "$work/$name$how.loraxs" >/dev/null 2>"$work/$name.log" || fail "$name: $(cat "$work/$name.log")"
  done
  cmp "$work/$name.loraxs" "$work/${name}3.loraxs" || fail "$name: three ranks give other bytes"
}
rows=(--train "$work/rows.jsonl" --validation 0.2)
other race --budget 6KB --calibrate "$work/rows.jsonl" "${rows[@]}"
other search --rank 3 --lr-search "${rows[@]}"
other residual --rank 3 --residual 2 --tune-residual --precision bfloat16 "${rows[@]}"
other texts --rank 3 --train self --self-openings "$work/openings.jsonl" --self-texts 24 --self-length 12
echo "mpi: so do a race, a search, a residual and texts by the model"

# begin COUNT: starts the job in the background and fills `processes` with its ranks, by rank.
cut=$work/cut.loraxs
begin() {
  ranks "$1"
  tune "$cut" &
  job=$!
  processes=()
  for _ in $(seq 100); do
    # mpirun is a child of the shell that waits for it; ranks are mpirun's.
    mapfile -t processes < <(for parent in $(ps -o pid= --ppid $job); do ps -o pid= --ppid "$parent" | tr -d ' '; done | sort -n)
    [ "${#processes[@]}" = "$1" ] && return
    sleep 0.05
  done
  fail "found ${#processes[@]} of $1 ranks"
}
# until CONDITION: waits for it while the job runs.
until_true() {
  while ! eval "$1"; do
    kill -0 $job 2>/dev/null || fail "the job ended before $1: $(cat "$cut.log")"
    sleep 0.02
  done
}

begin 4
until_true '[ -s "$cut.tuning.old" ]'
kill -9 "${processes[1]}"
code=0
wait $job || code=$?
[ $code -ne 0 ] || fail "a killed rank, and exit 0"
[ ! -e "$cut" ] || fail "a killed rank, and an artifact"
for process in "${processes[@]}"; do
  for _ in $(seq 100); do
    kill -0 "$process" 2>/dev/null || continue 2
    sleep 0.1
  done
  fail "a killed rank leaves another running"
done
echo "mpi: a killed rank ends the job of four with exit $code"

begin 3
until_true 'grep -q "continuing from step" "$cut.log"'
before=$(stat -c %i "$cut.tuning" 2>/dev/null)
until_true '[ "$(stat -c %i "$cut.tuning" 2>/dev/null)" != "$before" ]'
kill -TERM "${processes[2]}"
code=0
wait $job || code=$?
[ $code -eq 75 ] || fail "a rank that was told to stop ends the job with $code: $(cat "$cut.log")"
[ "$(grep -c '^error: ' "$cut.log")" = 1 ] || fail "not one line: $(cat "$cut.log")"
grep -q '^error: on rank 2 (.*stopped by SIGTERM.*RUN-STOPPED$' "$cut.log" || fail "$(cat "$cut.log")"
[ -s "$cut.tuning" ] && [ ! -e "$cut" ] || fail "no checkpoint, or an artifact, of a job that was stopped"
echo "mpi: a rank that is told to stop stops the job of three with exit 75"

ranks 2
tune "$cut" || fail "two ranks: $(cat "$cut.log")"
grep -q "continuing from step" "$cut.log" || fail "two ranks begin anew: $(cat "$cut.log")"
cmp "$work/alone.loraxs" "$cut" || fail "a job of four, three and two ranks has other bytes"
echo "mpi: two ranks go on with it and come to the same bytes"

# One rank with another adapter, one without its data.
different() {
  local code=0
  mpirun --quiet --oversubscribe --bind-to none --mca btl self,vader --mca mpi_yield_when_idle 1 \
    -np 1 "$tool" tune --mpi --threads 1 --base "$base" --adapter "$work/adapter" --rank 3 --train "$work/rows.jsonl" \
    --steps 5 --cache-dir "$work/cache" --log none -o "$work/d.loraxs" : \
    -np 1 "$tool" tune --mpi --threads 1 --base "$base" --adapter "$1" --rank 3 --train "$2" \
    --steps 5 --cache-dir "$work/cache" --log none -o "$work/d.loraxs" >"$work/d.out" 2>"$work/d.log" || code=$?
  [ $code -eq "$3" ] || fail "exit $code, not $3: $(cat "$work/d.log")"
  [ "$(grep -c '^error: ' "$work/d.log")" = 1 ] || fail "not one line: $(cat "$work/d.log")"
  grep -q "$4" "$work/d.log" || fail "$(cat "$work/d.log")"
  [ ! -e "$work/d.loraxs" ] || fail "an artifact all the same"
}
different "$work/other" "$work/rows.jsonl" 65 'rank 1 (.*) differ in the adapter: RANK-DIFFERS$'
different "$work/adapter" "$work/none.jsonl" 66 'on rank 1 (.*): .*IO-OPEN$'
echo "mpi: what is wrong on one rank ends all, with its exit code and one line"

# A library of another version.
sed 's/xspress_mpi_version(void) { return 1; }/xspress_mpi_version(void) { return 2; }/' Sources/Ranks/MPI/xspress_mpi.c \
  >"$work/newer.c"
mpicc -shared -fPIC -o "$work/newer.so" "$work/newer.c"
code=0
XSPRESS_MPI=$work/newer.so "$tool" tune --mpi --base "$base" --adapter "$work/adapter" --rank 3 --train "$work/rows.jsonl" \
  -o "$work/d.loraxs" 2>"$work/d.log" || code=$?
[ $code -eq 69 ] && grep -q 'is of version 2, 1 is needed.*MPI-SHIM$' "$work/d.log" || fail "$code: $(cat "$work/d.log")"
