#!/bin/bash
# vrrp_guest.sh DAEMON FENCE: virtual routers on interfaces that only the guest's kernel has, as root (see run).
#
# Two nodes and a client are on one bridge. First each node has its virtual router on an ipvlan, over IPv4 and IPv6;
# then the nodes' interfaces belong to a VRF. Each time one node is master, the client reaches the address, the master
# ends, the other one has it, and nothing is left. Each fact is one line, "ok" or "FAIL"; the exit status is 0 when all
# are ok; the logs follow when not.
set -u
daemon=$1
tool=$2

work=$(mktemp -d /tmp/vrrp.XXXXXX)
. "$(dirname "$0")/facts.sh"

# check WHAT COMMAND...
check() {
    local what=$1
    shift
    if "$@" >/dev/null 2>&1; then say "ok   $what"; else
        say "FAIL $what"
        failed=1
    fi
}

### network: a, b and a client on one bridge

for module in ipv6 bridge veth ipvlan vrf; do modprobe "$module"; done
sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0
ip link add br0 type bridge
ip link set br0 up
add_host() {
    ip netns add "$1"
    ip netns exec "$1" sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0
    ip link add "v$1" type veth peer name eth0 netns "$1"
    ip link set "v$1" master br0 up
    ip -n "$1" link set lo up
    ip -n "$1" link set eth0 up
    ip -n "$1" addr add "10.0.0.$2/24" dev eth0
    ip -n "$1" addr add "fd00::$2/64" dev eth0 nodad
}
add_host a 1
add_host b 2
add_host client 3

### a pair of daemons

# write_config NODE PRIORITY LINES ADDRESS...
write_config() {
    local node=$1 priority=$2 lines=$3
    shift 3
    cat >"$work/$node.conf" <<CONFIG
global_defs {
 script_user root
}
vrrp_instance V {
 interface eth0
 virtual_router_id 51
 version 3
 advert_int 0.3
 priority $priority
 $lines
 virtual_ipaddress {
  $(printf '%s\n  ' "$@")
 }
}
CONFIG
}

declare -A pid
start() {
    mkdir -p "$work/$1"
    ip netns exec "$1" "$daemon" -n -l -D -f "$work/$1.conf" --run-directory "$work/$1" >>"$work/$1.log" 2>&1 &
    pid[$1]=$!
}
gone() { ! kill -0 "$1"; }
stop() {
    kill -TERM "${pid[$1]}"
    within 10 "$1 ends" gone "${pid[$1]}"
    wait "${pid[$1]}" 2>/dev/null
}

# has NODE ADDRESS, hasnt NODE ADDRESS
has() { ip -n "$1" -o addr show | grep -qF " $2/"; }
hasnt() { ! has "$@"; }
reaches() { ip netns exec client busybox ping -c 1 -W 1 "$1"; }

is_ipvlan() { ip -n b -d link show dev ipv0 | grep -q 'ipvlan.*mode l2'; }
on_ipvlan() { ip -n b -o addr show dev ipv0 | grep -qF " $1/"; }
no_ipvlan() { ! ip -n b link show dev ipv0; }

# story ADDRESS: both daemons are configured
story() {
    start a
    within 20 "a has $1" has a "$1"
    start b
    within 10 "the client reaches it" reaches "$1"
    sleep 1.5
    check "b does not have it" hasnt b "$1"
    stop a
    within 5 "b has it when a has ended" has b "$1"
    check "and a has not" hasnt a "$1"
    within 5 "the client reaches it again" reaches "$1"
}

for family in ipv4 ipv6; do
    say "--- ipvlan over $family"
    case $family in
    ipv4)
        vip=10.0.0.100
        write_config a 150 "use_ipvlan ipv0 10.0.0.11/24" $vip/24
        write_config b 100 "use_ipvlan ipv0 10.0.0.12/24" $vip/24
        ;;
    ipv6)
        vip=fd00::100
        write_config a 150 "use_ipvlan ipv0" fe80::100/64 $vip/64
        write_config b 100 "use_ipvlan ipv0" fe80::100/64 $vip/64
        ;;
    esac
    story $vip
    check "it is on an ipvlan of layer 2" is_ipvlan
    check "with the address on it" on_ipvlan "$vip"
    check "which is there" ip -n b link show dev ipv0
    # All of b is killed at once: the journal knows of the interface.
    kill -KILL "${pid[b]}" "$(cat "$work/b/vrrp.pid")"
    wait "${pid[b]}" 2>/dev/null
    ip netns exec b "$tool" fence --run-directory "$work/b" >>"$work/b.log" 2>&1
    check "fence takes the ipvlan away" no_ipvlan
done

say "--- interfaces in a VRF"
for node in a b; do
    ip -n $node link add red type vrf table 100
    ip -n $node link set red up
    ip -n $node link set eth0 master red
done
# IPv6 addresses go when the master changes.
ip -n a addr add fd00::1/64 dev eth0 nodad
ip -n b addr add fd00::2/64 dev eth0 nodad
write_config a 150 "" 10.0.0.100/24
write_config b 100 "" 10.0.0.100/24
story 10.0.0.100
stop b
write_config a 150 "" fe80::100/64 fd00::100/64
write_config b 100 "" fe80::100/64 fd00::100/64
story fd00::100
stop b
check "b does not have it at the end" hasnt b fd00::100

say "--- unicast in the VRF, without an interface"
write_config a 150 "vrf red
unicast_src_ip 10.0.0.1
unicast_peer {
10.0.0.2
}" 10.0.0.100/24
write_config b 100 "vrf red
unicast_src_ip 10.0.0.2
unicast_peer {
10.0.0.1
}" 10.0.0.100/24
sed -i '/interface eth0/d' "$work/a.conf" "$work/b.conf"
story 10.0.0.100
stop b

all_sent() { ! grep -q 'Cant send advert' "$work/a.log" "$work/b.log"; }
check "every advert could be sent" all_sent

kill -KILL $(jobs -p) 2>/dev/null
if [ "$failed" != 0 ] || [ -n "${SHOW_LOG:-}" ]; then
    for node in a b; do
        echo "--- log of $node"
        cat "$work/$node.log"
    done
fi
exit "$failed"
