#!/bin/bash
# A Slurm cluster of two nodes with one CPU each, on this machine's loopback alone. As root, without systemd.
#   lab.sh up FOLDER | lab.sh node FOLDER n1|n2 | lab.sh controller FOLDER | lab.sh down FOLDER
# Whatever is started is ended by its recorded process number.
set -euo pipefail
folder=$2
export SLURM_CONF=$folder/slurm.conf

controller() { slurmctld -f "$SLURM_CONF"; }
node() { slurmd -f "$SLURM_CONF" -N "$1"; }

case $1 in
  up)
    mkdir -p "$folder"/spool/{ctld,n1,n2} "$folder/munge"
    chmod 755 "$folder" "$folder/munge"
    head -c 128 /dev/urandom >"$folder/munge/key"
    chmod 400 "$folder/munge/key"
    chown -R munge:munge "$folder/munge"
    cat >"$SLURM_CONF" <<CONF
ClusterName=xspress
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort=16817
SlurmUser=root
AuthInfo=socket=$folder/munge/sock,cred_expire=10
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
MpiDefault=none
ProctrackType=proctrack/pgid
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
SlurmdTimeout=20
StateSaveLocation=$folder/spool/ctld
SlurmdSpoolDir=$folder/spool/%n
SlurmctldPidFile=$folder/ctld.pid
SlurmdPidFile=$folder/slurmd.%n.pid
SlurmctldLogFile=$folder/ctld.log
SlurmdLogFile=$folder/slurmd.%n.log
NodeName=n[1-2] NodeHostname=localhost NodeAddr=127.0.0.1 Port=[16821-16822] CPUs=1 RealMemory=8192 State=UNKNOWN
PartitionName=cpu Nodes=n[1-2] Default=YES State=UP
CONF
    setpriv --reuid=munge --regid=munge --clear-groups munged -f --key-file="$folder/munge/key" \
      --socket="$folder/munge/sock" --pid-file="$folder/munge/pid" --log-file="$folder/munge/log" \
      --seed-file="$folder/munge/seed" --num-threads=1 2>&1
    controller
    node n1
    node n2
    for _ in $(seq 60); do
      [ "$(sinfo -h -N -t idle -o %N 2>/dev/null | wc -l)" = 2 ] && exit 0
      sleep 0.5
    done
    echo "lab: the nodes did not come up; see $folder/ctld.log" >&2
    exit 1
    ;;
  node) node "$3" ;;
  controller) controller ;;
  down)
    for file in "$folder"/slurmd.n1.pid "$folder"/slurmd.n2.pid "$folder"/ctld.pid "$folder"/munge/pid; do
      [ -s "$file" ] || continue
      process=$(cat "$file")
      kill "$process" 2>/dev/null || continue
      for _ in $(seq 100); do
        kill -0 "$process" 2>/dev/null || break
        sleep 0.2
      done
    done
    ;;
esac
