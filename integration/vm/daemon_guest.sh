#!/bin/bash
# daemon_guest.sh DAEMON [OPTION...]: a director's day, as root in a guest with IPVS (see run).
#
# DAEMON is holdfastd, or keepalived for comparison; OPTIONs are added to its command line. It balances HTTP of
# a client over two real servers by NAT and by direct routing. One server stops and comes back, a reload sets a
# weight to 0, the checker child is killed, the daemon ends. Each fact is one line, "ok" or "FAIL"; the exit
# status is 0 when all are ok; the daemon's log follows when not, or with SHOW_LOG=1.
set -u
daemon=$1
shift

work=$(mktemp -d /tmp/daemon.XXXXXX)
log=$work/log
. "$(dirname "$0")/facts.sh"

# same WHAT GOT WANTED
same() {
    if [ "$2" = "$3" ]; then
        say "ok   $1"
    else
        say "FAIL $1"
        printf 'got:\n%s\nwanted:\n%s\n' "$2" "$3"
        failed=1
    fi
}

finish() {
    kill -KILL $(jobs -p) 2>/dev/null
    if [ "$failed" != 0 ] || [ -n "${SHOW_LOG:-}" ]; then
        echo "--- log of $daemon"
        cat "$log"
        echo "--- ipvsadm -Ln"
        ipvsadm_ -Ln
    fi
    exit "$failed"
}

# A function instead of a variable: the director's view, wherever it is called from.
ipvsadm_() { ip netns exec director ipvsadm "$@"; }

# The table as commands, one line each, in a fixed order.
table() { ipvsadm_ -Sn | sed 's/ *$//' | sort; }

has_line() { table | grep -qxF -e "$1"; }
lacks_line() { ! table | grep -qF -e "$1"; }

get() { ip netns exec client curl -sS -m 5 "$1"; }

# What four requests are answered, sorted.
answers() { for _ in 1 2 3 4; do get "$1"; done | sort | tr '\n' ' '; }

### network: client, director, r1 and r2 on one bridge

for module in bridge veth iptable_nat xt_MASQUERADE xt_ipvs ip_vs ip_vs_rr; do modprobe "$module"; done
ip link add br0 type bridge
ip link set br0 up
add_host() {
    ip netns add "$1"
    ip link add "v$1" type veth peer name eth0 netns "$1"
    ip link set "v$1" master br0 up
    ip -n "$1" link set lo up
    ip -n "$1" link set eth0 up
    ip -n "$1" addr add "10.0.0.$2/24" dev eth0
}
add_host director 1
add_host client 3
add_host r1 4
add_host r2 5
ip netns exec director sysctl -qw net.ipv4.ip_forward=1 net.ipv4.vs.conntrack=1
# Client and real servers are on one subnet: without this, answers would not come back through the director.
ip netns exec director iptables-legacy -t nat -A POSTROUTING -m ipvs --vaddr 10.0.0.100 -j MASQUERADE
for server in r1 r2; do
    ip netns exec "$server" sysctl -qw net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.eth0.arp_ignore=1 \
        net.ipv4.conf.all.arp_announce=2
    ip -n "$server" addr add 10.0.0.101/32 dev lo
    mkdir "$work/$server"
    echo "$server" >"$work/$server/index.html"
done

declare -A server_pid
start_server() {
    ip netns exec "$1" busybox httpd -f -p 80 -h "$work/$1" &
    server_pid[$1]=$!
}
stop_server() {
    kill "${server_pid[$1]}"
    wait "${server_pid[$1]}" 2>/dev/null
}
start_server r1
start_server r2
within 20 "r1 answers" get http://10.0.0.4/
within 20 "r2 answers" get http://10.0.0.5/

### configuration

# write_config WEIGHT_OF_R1_BY_NAT
write_config() {
    real_servers() {
        printf 'real_server 10.0.0.4 80 {\n weight %s\n' "$1"
        check
        printf 'real_server 10.0.0.5 80 {\n weight 2\n'
        check
    }
    check() {
        cat <<'CHECK'
 HTTP_GET {
  url {
   path /
   status_code 200
  }
  connect_timeout 1
  delay_before_retry 1
  retry 1
 }
}
CHECK
    }
    cat <<CONFIG
global_defs {
 router_id director
}
vrrp_instance balanced {
 state MASTER
 interface eth0
 virtual_router_id 51
 priority 150
 advert_int 1
 virtual_ipaddress {
  10.0.0.100/32
  10.0.0.101/32
 }
}
virtual_server 10.0.0.100 80 {
 delay_loop 1
 lvs_sched rr
 lvs_method NAT
 protocol TCP
$(real_servers "$1")
}
virtual_server 10.0.0.101 80 {
 delay_loop 1
 lvs_sched rr
 lvs_method DR
 protocol TCP
$(real_servers 1)
}
CONFIG
}
write_config 1 >"$work/config"

foreign='-A -t 10.9.9.9:25 -s sh -b sh-port'
ipvsadm_ $foreign

# expected_table WEIGHT_OF_R1_BY_NAT
expected_table() {
    sort <<TABLE
$foreign
-A -t 10.0.0.100:80 -s rr
-a -t 10.0.0.100:80 -r 10.0.0.4:80 -m -w $1
-a -t 10.0.0.100:80 -r 10.0.0.5:80 -m -w 2
-A -t 10.0.0.101:80 -s rr
-a -t 10.0.0.101:80 -r 10.0.0.4:80 -g -w 1
-a -t 10.0.0.101:80 -r 10.0.0.5:80 -g -w 2
TABLE
}

has_table() { [ "$(table)" = "$(expected_table "$1")" ]; }

### start

ip netns exec director "$daemon" -n -l -D -f "$work/config" \
    -p "$work/parent.pid" -r "$work/vrrp.pid" -c "$work/checkers.pid" "$@" >"$log" 2>&1 &
parent=$!

owns() { ip -n director -o addr show dev eth0 | grep -qF "$1/32"; }
within 20 "the director owns 10.0.0.100" owns 10.0.0.100 || finish
within 20 "the director owns 10.0.0.101" owns 10.0.0.101
within 20 "both services have both real servers" has_table 1 || finish
same "the table is what the file says, and what was there before" "$(table)" "$(expected_table 1)"
same "NAT serves from both" "$(answers http://10.0.0.100/)" "r1 r1 r2 r2 "
same "DR serves from both" "$(answers http://10.0.0.101/)" "r1 r1 r2 r2 "

### a real server stops and comes back

stop_server r1
within 20 "the stopped server is out of the NAT service" \
    lacks_line '-a -t 10.0.0.100:80 -r 10.0.0.4:80'
within 20 "the stopped server is out of the DR service" \
    lacks_line '-a -t 10.0.0.101:80 -r 10.0.0.4:80'
same "NAT serves from the other one" "$(answers http://10.0.0.100/)" "r2 r2 r2 r2 "
same "DR serves from the other one" "$(answers http://10.0.0.101/)" "r2 r2 r2 r2 "
start_server r1
within 20 "the server is back in both services" has_table 1
same "NAT serves from both again" "$(answers http://10.0.0.100/)" "r1 r1 r2 r2 "

### connections that last: one to each server, silent until told to go on

declare -a holder
for i in 0 1; do
    ip netns exec client bash -c '
        exec 3<>/dev/tcp/10.0.0.100/80 || exit
        for _ in $(seq 600); do [ -e "$0/go" ] && break; sleep 0.1; done
        printf "GET / HTTP/1.0\r\n\r\n" >&3
        timeout 10 tail -n 1 <&3 >"$0/held$1"' "$work" "$i" &
    holder[i]=$!
done
established() {
    [ "$(ipvsadm_ -Lnc | grep -F 10.0.0.100:80 | grep -c ESTABLISHED)" = 2 ]
}
within 10 "two connections are established" established

### reload: weight 0

write_config 0 >"$work/config"
kill -HUP "$parent"
within 20 "the reload has set the weight to 0" \
    has_line '-a -t 10.0.0.100:80 -r 10.0.0.4:80 -m -w 0'
same "and nothing else" "$(table)" "$(expected_table 0)"
same "NAT opens new connections to the other one only" "$(answers http://10.0.0.100/)" "r2 r2 r2 r2 "
same "DR goes on as before" "$(answers http://10.0.0.101/)" "r1 r1 r2 r2 "

### an identical file

kill -HUP "$parent"
sleep 1.5
same "a reload of the same file changes nothing" "$(table)" "$(expected_table 0)"

### the checker child is killed

checker=$(cat "$work/checkers.pid")
kill -KILL "$checker"
steady=yes
end=$((SECONDS + 3))
while [ "$SECONDS" -lt "$end" ]; do
    has_table 0 || steady="no: $(table)"
    sleep 0.1
done
same "the table stays while the checker child is away and restarts" "$steady" yes
another_checker() {
    local now
    now=$(cat "$work/checkers.pid") && [ "$now" != "$checker" ] && kill -0 "$now"
}
within 20 "there is a new checker child" another_checker

### the connections have lasted

within 5 "the connections are still established" established
touch "$work/go"
wait "${holder[@]}"
same "they are answered by the servers that they were opened to" \
    "$(sort "$work/held0" "$work/held1" | tr '\n' ' ')" "r1 r2 "

### the new checker child goes on

stop_server r2
within 20 "a stopped server is taken out" lacks_line '-r 10.0.0.5:80'
start_server r2
within 20 "and is back in when it answers again" has_table 0

### stop

kill -TERM "$parent"
gone() { ! kill -0 "$parent"; }
within 20 "the daemon ends" gone
wait "$parent"
same "with status 0" $? 0
same "what is left is what was there before" "$(table)" "$foreign"
same "the director owns no virtual address" \
    "$(ip -n director -o -4 addr show dev eth0 | awk '{print $4}')" "10.0.0.1/24"
finish
