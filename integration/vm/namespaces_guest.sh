#!/bin/bash
# namespaces_guest.sh DAEMON: virtual routers in one network namespace, IPVS in another, as root in a guest with IPVS
# (see run). Each fact is one line, "ok" or "FAIL"; the exit status is 0 when all are ok; the daemon's log follows
# when not.
set -u
daemon=$1
work=$(mktemp -d /tmp/namespaces.XXXXXX)
log=$work/log
. "$(dirname "$0")/facts.sh"

for module in veth ip_vs ip_vs_rr; do modprobe "$module"; done
ip link set lo up
for namespace in routers balancer; do
    ip netns add "$namespace"
    ip -n "$namespace" link set lo up
done
ip -n routers link add eth0 type veth peer name eth1
ip -n routers addr add 10.0.0.1/24 dev eth0
ip -n routers link set eth1 up
ip -n routers link set eth0 up
mkdir "$work/www"
echo page >"$work/www/index.html"
ip netns exec routers busybox httpd -f -p 10.0.0.1:80 -h "$work/www" &

# write_config KEYWORD: where IPVS is
write_config() {
    cat >"$work/config" <<CONFIG
net_namespace routers
$1
vrrp_instance balanced {
 interface eth0
 virtual_router_id 51
 advert_int 1
 virtual_ipaddress {
  10.0.0.100/32
 }
}
virtual_server 10.0.0.100 80 {
 delay_loop 1
 lvs_sched rr
 lvs_method NAT
 protocol TCP
 real_server 10.0.0.1 80 {
  TCP_CHECK {
   connect_timeout 1
  }
 }
}
CONFIG
}

service='-A -t 10.0.0.100:80 -s rr -a -t 10.0.0.100:80 -r 10.0.0.1:80 -m -w 1'
# table [NAMESPACE]: of the guest itself without
table() { ${1:+ip netns exec "$1"} ipvsadm -Sn | sed 's/ *$//' | sort | tr '\n' ' ' | sed 's/ *$//'; }
# tables ROUTERS BALANCER GUEST
tables() { [ "$(table routers)|$(table balancer)|$(table)" = "$1|$2|$3" ]; }
owns() { ip -n routers -o addr show dev eth0 | grep -qF 10.0.0.100/32; }

# run WHAT ROUTERS BALANCER GUEST: the tables while it runs
run() {
    "$daemon" -n -l -D -f "$work/config" --run-directory "$work/run" >>"$log" 2>&1 &
    local parent=$!
    within 20 "$1: the address is where the routers are" owns
    within 20 "$1: the service is there and nowhere else" tables "$2" "$3" "$4"
    kill -TERM "$parent"
    wait "$parent"
    within 5 "$1: nothing is left" tables "" "" ""
}

write_config "net_namespace_ipvs balancer"
run "in a namespace of its own" "" "$service" ""
write_config "net_namespace_ipvs"
run "where the daemon was started" "" "" "$service"
write_config ""
run "where everything else is" "$service" "" ""

kill -KILL $(jobs -p) 2>/dev/null
if [ "$failed" != 0 ]; then
    cat "$log"
    for namespace in routers balancer ""; do
        echo "--- ${namespace:-guest}: $(table $namespace)"
    done
fi
exit "$failed"
