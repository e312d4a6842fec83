# For the scenarios of a guest: each fact is one line, "ok" or "FAIL"; the latter makes `failed` 1.

failed=0

say() { printf '[%s] %s\n' "$(cut -d' ' -f1 /proc/uptime)" "$*"; }

# within SECONDS WHAT COMMAND...: polls until COMMAND succeeds
within() {
    local seconds=$1 what=$2 start=$SECONDS
    shift 2
    until "$@" >/dev/null 2>&1; do
        if [ $((SECONDS - start)) -ge "$seconds" ]; then
            say "FAIL $what, not within $seconds s"
            failed=1
            return 1
        fi
        sleep 0.1
    done
    say "ok   $what"
}
