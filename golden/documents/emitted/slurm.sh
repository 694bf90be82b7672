#!/bin/bash
# Made by xspress emit slurm. `bash FILE` submits 8 parts and the report.
set -euo pipefail
run='/data/my run'
parts=8
largest=1000
mkdir -p "$run/logs"
# Values that are listed in --export end at a comma.
export XSPRESS_RUN=$run XSPRESS_PARTS=$parts

submit() {
  XSPRESS_FIRST=$1 sbatch --parsable --array="0-$2%64" --export=ALL \
    --output="$run/logs/%A_%a.log" <<'JOB'
#!/bin/bash
#SBATCH --job-name=xspress-my-run
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --signal=B:TERM@60
#SBATCH --cpus-per-task=4
#SBATCH --mem=7630M
#SBATCH --time=2:00:00
export SWIFT_BACKTRACE=enable=no
xspress run "$XSPRESS_RUN" --shard "$((XSPRESS_FIRST + SLURM_ARRAY_TASK_ID))/$XSPRESS_PARTS" \
  --scratch "${SLURM_TMPDIR:-${TMPDIR:-/tmp}}" --threads "${SLURM_CPUS_PER_TASK:-4}" --log plain &
child=$!
trap 'kill -TERM "$child"' TERM
code=0
wait "$child" || code=$?
# A signal ends wait before the tool has ended.
while kill -0 "$child" 2>/dev/null; do code=0; wait "$child" || code=$?; done
case $code in
  75|137|143)
    # Slurm ends this script as soon as it is requeued.
    trap 'exit 75' TERM
    if [ "${SLURM_RESTART_COUNT:-0}" -lt 3 ] &&
      scontrol requeue "${SLURM_ARRAY_JOB_ID}_${SLURM_ARRAY_TASK_ID}"; then
      sleep 60
      exit 75
    fi
    echo "given up after 3 restarts" >&2
    exit 74 ;;
esac
exit "$code"
JOB
}

jobs=
for ((first = 0; first < parts; first += largest)); do
  last=$((parts - first < largest ? parts - first - 1 : largest - 1))
  jobs="$jobs:$(submit "$first" "$last")"
done
sbatch --parsable --job-name=xspress-my-run-collect --dependency="afterany$jobs" --cpus-per-task=1 --mem=2048M \
  --output="$run/logs/collect.log" --export=ALL <<'JOB'
#!/bin/bash
exec xspress collect "$XSPRESS_RUN"
JOB
