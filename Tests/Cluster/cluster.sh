#!/bin/bash
# Six adapters in four parts through `xspress emit slurm` on a real cluster of two nodes (lab.sh): one adapter is
# corrupt, one part asks for a retry, a node and the controller are killed. What is left must be what `batch` leaves.
#   bash Tests/Cluster/cluster.sh [XSPRESS]
# Needs root and Debian's slurmctld, slurmd, slurm-client and munge; without them it says so and is skipped.
set -euo pipefail
cd "$(dirname "$0")/../.."
tool=$(realpath "${1:-.build/release/xspress}")
lab=$PWD/Tests/Cluster/lab.sh

fail() {
  echo "cluster: $1" >&2
  exit 1
}
for command in slurmctld slurmd sbatch munged; do
  command -v $command >/dev/null || { echo "cluster: SKIPPED, no $command"; exit 0; }
done
[ "$(id -u)" -eq 0 ] || { echo "cluster: SKIPPED, not root"; exit 0; }

work=$(mktemp -d)
# The user of munge goes in too.
chmod 755 "$work"
run=$work/run
# Of a node only its daemon and this run's own parts have been started here. Ending what has ended is no failure, and
# the exit code stays that of the test.
end() {
  local code=$?
  bash "$lab" down "$work/lab" || true
  if [ -n "${holder:-}" ]; then kill "$holder" 2>/dev/null || true; fi
  if [ -s "$work/held/first.pid" ]; then kill "$(cat "$work/held/first.pid")" 2>/dev/null || true; fi
  rm -rf "$work" || true
  exit $code
}
trap end EXIT

# Adapters that differ, one of them cut off.
manifest=$work/fleet.yaml
cat >"$manifest" <<YAML
schema: xspress.manifest/1
bases:
  tiny: {path: $PWD/golden/tiny/model}
defaults: {base: tiny, rank: 4}
adapters:
YAML
for name in a b c d e f; do
  cp -r golden/tiny/adapter "$work/$name"
  alpha=$(printf %d "'$name")
  sed -i "s/\"lora_alpha\": 8/\"lora_alpha\": $alpha/" "$work/$name/adapter_config.json"
  echo "  - {path: $work/$name, name: $name}" >>"$manifest"
done
truncate -s 1000 "$work/d/adapter_model.safetensors"

code=0
"$tool" batch "$manifest" -o "$work/local" --cache-dir "$work/cache" --log none >/dev/null 2>&1 || code=$?
[ $code -eq 65 ] || fail "locally: exit $code, not 65"

# In the way of the tool: the first try of part 0 waits until it is killed with its node.
mkdir -p "$work/bin" "$work/held"
cat >"$work/bin/xspress" <<SHELL
#!/bin/bash
case "\$*" in
  *"--shard 0/"*)
    if [ ! -e "$work/held/first.pid" ]; then
      echo \$\$ >"$work/held/first.pid"
      echo "\$SLURMD_NODENAME" >"$work/held/node"
      echo \$PPID >"$work/held/script"
      ps -o ppid= -p \$PPID | tr -d ' ' >"$work/held/step"
      exec sleep 600
    fi ;;
esac
exec "$tool" "\$@" --cache-dir "$work/cache"
SHELL
chmod +x "$work/bin/xspress"
export PATH=$work/bin:$PATH

bash "$lab" up "$work/lab"
export SLURM_CONF=$work/lab/slurm.conf
"$tool" plan "$manifest" -o "$run" --log none >/dev/null
# Somebody else is at job f until its part has been told to try again.
mkdir -p "$run/jobs/f"
flock "$run/jobs/f/f.loraxs.lock" bash -c "
  for _ in \$(seq 240); do grep -qs LOCK-HELD '$run'/logs/*_*.log && exit; sleep 0.5; done" &
holder=$!
"$tool" emit slurm "$run" --shards 4 --cpus 1 --mem 1GB --minutes 5 >"$work/submit.sh"
bash "$work/submit.sh" >/dev/null

wait_for() {
  for _ in $(seq "$2"); do
    eval "$3" && return
    # A part that had ended unseen by the killed controller starts again and may be held, as its folder is still there:
    # an operator lets it go.
    for part in $(squeue -h -t PD -o '%i %r' | sed -n 's/ launch failed.*//p'); do scontrol release "$part"; done
    sleep 1
  done
  squeue
  tail -n 5 "$run"/logs/* 2>/dev/null
  fail "$1 did not happen in $2 s"
}
wait_for "the first part" 30 '[ -s "$work/held/step" ]'
node=$(cat "$work/held/node")
echo "cluster: killing node $node under part 0, then the controller"
sleep 3
kill -9 "$(cat "$work/lab/slurmd.$node.pid")" "$(cat "$work/held/step")" "$(cat "$work/held/script")" \
  "$(cat "$work/held/first.pid")"
kill -9 "$(cat "$work/lab/ctld.pid")"
: >"$work/held/first.pid"
sleep 2
bash "$lab" controller "$work/lab"
wait_for "a lost node" 90 '[ -n "$(sinfo -h -N -n "$node" -t down -o %N)" ]'
bash "$lab" node "$work/lab" "$node"
wait_for "the report" 150 '[ -s "$run/report/index.html" ] && [ -z "$(squeue -h)" ]'
wait "$holder" || true
holder=
grep -q LOCK-HELD "$run"/logs/*_*.log || fail "no part asked for a retry"

"$tool" collect "$run" --json >"$work/collected.json" 2>/dev/null && fail "collect: exit 0 with a corrupt adapter"
python3 - "$run" "$work/local" <<'PYTHON' || fail "other results than batch's"
import json, pathlib, sys

def records(run):
    found = {}
    for path in sorted(pathlib.Path(run, "jobs").glob("*/record.json")):
        record = json.loads(path.read_text())
        # Where and how long, not what.
        for key in ("stages", "threads", "machine", "peak_bytes", "artifact"):
            record.pop(key)
        found[record["name"]] = json.loads(json.dumps(record).replace(str(run), "RUN"))
    return found

here, there = records(sys.argv[1]), records(sys.argv[2])
assert sorted(here) == sorted(there) == list("abcdef"), (sorted(here), sorted(there))
for name, record in here.items():
    assert record == there[name], name
    files = [pathlib.Path(run, "jobs", name, name + ".loraxs") for run in sys.argv[1:]]
    if record["state"] == "done":
        assert files[0].read_bytes() == files[1].read_bytes(), name
    else:
        assert name == "d" and not files[0].exists(), name
PYTHON
echo "cluster: five artifacts and six records as batch's, after a node and the controller were killed"
