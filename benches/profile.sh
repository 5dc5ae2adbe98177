#!/usr/bin/env bash
# Where a running process spends its CPU time, and which system calls it makes: `benches/profile.sh PID SECONDS OUTDIR NAME`.
#
# The caller drives load at PID the whole time: SECONDS for perf, then SYSCALL_SECONDS for strace, which slows the process down, and so comes
# last. Leaves in OUTDIR: NAME.svg (flame graph), NAME-perf.txt (the top functions), NAME-syscalls.txt (how often which system call).
#
# FRAMES chooses how perf walks the stack: `dwarf` (the default) works on the release binary as it is; `fp` costs the process less, and needs a
# build with RUSTFLAGS="-C force-frame-pointers=yes" in a target folder of its own.
set -euo pipefail

readonly SYSCALL_SECONDS=2
readonly FREQUENCY_HZ=499 # Odd, so that it does not beat with timers.
FRAMES=${FRAMES:-dwarf}

fail() {
    echo "profile: $*" >&2
    exit 1
}

need() {
    command -v "$1" >/dev/null || fail "missing: $1. Debian and Ubuntu: apt install $2"
}

[[ $# -eq 4 ]] || fail "usage: benches/profile.sh PID SECONDS OUTDIR NAME"
readonly pid=$1 seconds=$2 outdir=$3 name=$4
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

need perf linux-perf
need strace strace
need python3 python3
[[ -d /proc/$pid ]] || fail "no process $pid"
# perf reads names from the file that runs; once a build has replaced it there are none.
[[ $(readlink "/proc/$pid/exe") != *" (deleted)" ]] || fail "the binary of process $pid has been replaced: start it again"
case $FRAMES in
dwarf) callgraph=dwarf,16384 ;;
fp) callgraph=fp ;;
*) fail "FRAMES is dwarf or fp" ;;
esac

mkdir -p "$outdir"
work=$(mktemp -d)
tracer=
leave() {
    [[ -z $tracer ]] || kill "$tracer" 2>/dev/null || true
    rm -rf "$work"
}
trap leave EXIT

record() {
    perf record -q -e "$1" -F "$FREQUENCY_HZ" --call-graph "$callgraph" -p "$pid" -o "$work/perf.data" -- sleep "$seconds" 2>"$work/record.txt"
}

# A virtual machine may count no cycles; the clock is always there.
event=cycles
perf stat -q -e cycles -x, -- true 2>&1 | grep -q '^[0-9]' || event=cpu-clock
record "$event" || { cat "$work/record.txt" >&2; fail "perf cannot record (kernel.perf_event_paranoid is $(cat /proc/sys/kernel/perf_event_paranoid); 1 or less, or root, is needed)"; }

strace -c -f -qq -p "$pid" -o "$outdir/$name-syscalls.txt" &
tracer=$!
sleep "$SYSCALL_SECONDS"
# Asked to end, strace lets go of the process and writes its summary.
kill "$tracer" 2>/dev/null || true
wait "$tracer" || true
tracer=
[[ -s $outdir/$name-syscalls.txt ]] || fail "strace saw nothing (kernel.yama.ptrace_scope is $(cat /proc/sys/kernel/yama/ptrace_scope 2>/dev/null || echo unset))"

# Inlined functions are left out: looking them up takes addr2line minutes for a binary of this size.
perf script -i "$work/perf.data" --no-inline -F comm,tid,time,event,ip,sym,dso >"$work/script.txt" 2>/dev/null
{
    echo "# perf record -e $event -F $FREQUENCY_HZ --call-graph $callgraph, $seconds s; share of the process's samples by function, callees not included"
    perf report -i "$work/perf.data" --no-inline --no-children -g none --stdio --percent-limit 0.3 2>/dev/null | sed 's/ *$//' | grep -Ev '^#?$'
} >"$outdir/$name-perf.txt"
python3 "$here/runner/flame.py" --title "$name: where Transom spends CPU time ($event, $seconds s)" <"$work/script.txt" >"$outdir/$name.svg"
echo "$outdir/$name.svg $outdir/$name-perf.txt $outdir/$name-syscalls.txt"
