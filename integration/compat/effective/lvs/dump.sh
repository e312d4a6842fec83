#!/bin/bash
# dump.sh HOST SECONDS FILE...: what keepalived's checker process dumps (-d) of each file, as root in a guest with IPVS
# (vm/run). HOST is the name that the guest gets; files that have not been reached after SECONDS are left out.
#
# A line "=== FILE" stands before each dump, and behind it "--- complete", or "--- incomplete: " and why. keepalived is
# killed as soon as it activates its checkers, which it does behind the dump.
hostname "$1"
end=$((SECONDS + $2))
shift 2
modprobe ip_vs

# How long a dump may take, and how often its end is looked for.
bound=15 interval=0.2
# Nothing comes out of it: a sleep that needs no process.
mkfifo /run/never
exec 3<>/run/never

# The zone has no file that would be looked at for each line. Output goes to a file, because in this kernel a pipe costs
# a switch of processes for each line.
export TZ=UTC0 TMPDIR=/run
for file in "$@"; do
    [ "$SECONDS" -lt "$end" ] || break
    echo "=== $file"
    # Before the other process runs: the end of the dump before must not be taken for that of this one.
    : >/run/dump
    unshare --net --mount --pid --fork --kill-child --mount-proc sh -c '
        mount --make-rprivate /; mount -t tmpfs tmpfs /run; ip link set lo up; cd /
        exec keepalived -n -l -d -C -B -f "$1" -p /run/p -r /run/r -c /run/c' sh "$file" >>/run/dump 2>&1 3<&- &
    keepalived=$! begin=$SECONDS
    until result='complete' && grep -qE ': (A|Dea)ctivating (BFD )?healthchecker' /run/dump; do
        result='incomplete: keepalived has ended'
        kill -0 "$keepalived" 2>/dev/null || break
        result="incomplete: not at its end after $bound s"
        [ $((SECONDS - begin)) -lt "$bound" ] || break
        read -rt "$interval" -u 3
    done
    kill -KILL "$keepalived" 2>/dev/null
    wait "$keepalived" 2>/dev/null
    cat /run/dump
    printf '\n--- %s\n' "$result"
done
exit 0
