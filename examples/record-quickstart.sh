#!/usr/bin/env bash
# Records examples/quickstart.pcap: what real clients and servers send into the card.
#
#   cargo build --release --bins && sudo examples/record-quickstart.sh [LEFT.pcap]
#
#   client 198.51.100.2 ─┐                           ┌─ v1 ─ web-1 10.0.0.4
#                      router ─ up0 ─ switch ────────┼─ v2 ─ web-2 10.0.0.5
#   internet 192.0.2.2 ──┘     hw-sim, host-driver   ├─ v3 ─ web-3 10.0.0.6
#                              with quickstart.yaml  └─ v4 ─ db-1  10.0.0.9
#
# Every name is a network namespace with a TCP/IP stack of its own; IPv6 beside IPv4. LEFT.pcap
# gets what the card sent, to compare with what a replay sends. Probes are left out, since they
# would come from the host; a replay takes for healthy whoever sends. All of it goes away at the
# end. Needs root, ip, ethtool, tcpdump, curl and python3.
set -euo pipefail
unset RUST_LOG

left=${1:+$(realpath "$1")}
cd "$(dirname "$0")/.."
config=examples/quickstart.yaml
capture=examples/quickstart.pcap
programs=$PWD/target/release
prefix=hgq$$
instances=(web-1 web-2 web-3 db-1)
hosts=(router client internet switch "${instances[@]}")

die() {
    echo "${0##*/}: $*" >&2
    exit 1
}

[ "$(id -u)" = 0 ] || die "network namespaces need root"
for tool in ip ethtool tcpdump curl python3; do
    command -v "$tool" >/dev/null || die "needs $tool"
done
for program in hw-sim host-driver; do
    [ -x "$programs/$program" ] || die "run \`cargo build --release --bins\` first"
done

work=$(mktemp -d "/dev/shm/$prefix.XXXXXX")
running=()
finish() {
    local status=$?
    trap - EXIT
    if [ "$status" != 0 ]; then
        tail -n 20 "$work"/*.log >&2 2>/dev/null || true
    fi
    stop "${running[@]}"
    for host in "${hosts[@]}"; do
        ip netns del "$prefix-$host" 2>/dev/null || true
    done
    rm -rf "$work"
    exit "$status"
}
stop() { # process...
    kill "$@" 2>/dev/null || true
    wait "$@" 2>/dev/null || true
}
trap finish EXIT
trap 'exit 130' INT TERM HUP

on() { # host, command...
    ip netns exec "$prefix-$1" "${@:2}"
}
start() { # log, host, command...
    # `exec`, so that the process that is stopped at the end is the command itself.
    (exec ip netns exec "$prefix-$2" "${@:3}") >"$work/$1.log" 2>&1 </dev/null &
    running+=($!)
}
await() { # what, command...
    for _ in {1..100}; do
        if "${@:2}" >/dev/null 2>&1; then return; fi
        sleep 0.1
    done
    die "$1: not within 10 s"
}

# --- the network -------------------------------------------------------------------------------

connect() { # host, interface, MAC, host, interface, MAC
    ip link add name "$2" ${3:+address "$3"} netns "$prefix-$1" type veth \
        peer name "$5" ${6:+address "$6"} netns "$prefix-$4"
    local host interface
    while read -r host interface; do
        # What stacks leave to a network card, above all checksums, would reach the card undone.
        on "$host" ethtool -K "$interface" tx off rx off tso off gso off gro off sg off >/dev/null
        on "$host" ip link set dev "$interface" up
    done <<<"$1 $2"$'\n'"$4 $5"
}
addresses() { # host, interface, address...
    for address in "${@:3}"; do
        case $address in
        *:*) on "$1" ip address add "$address" dev "$2" nodad ;;
        *) on "$1" ip address add "$address" dev "$2" ;;
        esac
    done
}
gateways() { # host, address...
    for address in "${@:2}"; do on "$1" ip route add default via "$address"; done
}

build_network() {
    local host n
    for host in "${hosts[@]}"; do
        ip netns add "$prefix-$host"
        on "$host" sysctl -qw net.ipv6.conf.{all,default}.accept_dad=0 \
            net.ipv6.conf.default.accept_ra=0 net.ipv6.conf.default.router_solicitations=0
        on "$host" ip link set lo up
    done
    on router sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
    # What comes in on the card's ports is for the card: the kernel stays out of it.
    on switch sysctl -qw net.ipv4.ip_forward=0 net.ipv4.conf.all.arp_ignore=1 \
        net.ipv6.conf.default.disable_ipv6=1

    connect router uplink 02:00:00:00:00:fe switch up0 ""
    connect router client "" client eth0 ""
    connect router internet "" internet eth0 ""
    addresses router uplink 203.0.113.1/24 2001:db8::1/64
    addresses router client 198.51.100.1/24 2001:db8:c::1/64
    addresses router internet 192.0.2.1/24 2001:db8:e::1/64
    addresses client eth0 198.51.100.2/24 2001:db8:c::2/64
    gateways client 198.51.100.1 2001:db8:c::1
    addresses internet eth0 192.0.2.2/24 2001:db8:e::2/64
    gateways internet 192.0.2.1 2001:db8:e::1

    for n in 1 2 3; do
        connect switch "v$n" "" "web-$n" eth0 "02:00:00:00:00:0$((n + 3))"
        addresses "web-$n" eth0 "10.0.0.$((n + 3))/24" "fd00::$((n + 3))/64"
        gateways "web-$n" 10.0.0.1 fd00::1
    done
    connect switch v4 "" db-1 eth0 02:00:00:00:00:09
    on db-1 sysctl -qw net.ipv6.conf.eth0.disable_ipv6=1
    addresses db-1 eth0 10.0.0.9/24
    gateways db-1 10.0.0.1
}

# --- the card and its driver -------------------------------------------------------------------

start_card() {
    sed -e '/^ *probes:/d' -e '/protocol: Http,/d' -e 's/, probe: http//' "$config" >"$work/config.yaml"
    start hw-sim switch "$programs/hw-sim" run --dir "$work/card" \
        --port 0=up0 --port 1=v1 --port 2=v2 --port 3=v3 --port 4=v4
    await "the card" grep -q "card is up" "$work/hw-sim.log"
    start host-driver switch "$programs/host-driver" run --config "$work/config.yaml" \
        --device "shm:$work/card" --socket "$work/driver.sock"
    await "the driver" "$programs/host-driver" status --socket "$work/driver.sock"
}

# --- who talks ---------------------------------------------------------------------------------

# A server: `http PORT`, `lines PORT` (greets, answers each line), `dns PORT`
# (answers each question with a text record).
cat >"$work/serve.py" <<'PYTHON'
import socket, socketserver, struct, sys, threading

name = sys.argv[1]

def whom(address):
    host = address[0].removeprefix("::ffff:")
    return f"[{host}]:{address[1]}" if ":" in host else f"{host}:{address[1]}"

class Http(socketserver.StreamRequestHandler):
    def handle(self):
        path = self.rfile.readline().split()[1]
        while self.rfile.readline().strip():
            pass
        body = f"{name} sees {whom(self.client_address)}\n".encode()
        body += b"." * (8000 if path == b"/large" else 0)
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        self.wfile.write(head.encode() + body)

class Lines(socketserver.StreamRequestHandler):
    def handle(self):
        self.wfile.write(f"{name} greets {whom(self.client_address)}\r\n".encode())
        for line in self.rfile:
            self.wfile.write(b"you said: " + line)

class Dns(socketserver.BaseRequestHandler):
    def handle(self):
        query, to = self.request
        text = f"{name} sees {whom(self.client_address)}".encode()
        answer = struct.pack(">HHHIHB", 0xC00C, 16, 1, 60, len(text) + 1, len(text)) + text
        counts = struct.pack(">HHHHH", 0x8180, 1, 1, 0, 0)
        to.sendto(query[:2] + counts + query[12:] + answer, self.client_address)

class Tcp(socketserver.ThreadingTCPServer):
    address_family, allow_reuse_address, daemon_threads = socket.AF_INET6, True, True

class Udp(socketserver.UDPServer):
    address_family = socket.AF_INET6

kinds = {"http": (Tcp, Http), "lines": (Tcp, Lines), "dns": (Udp, Dns)}
for kind, port in zip(sys.argv[2::2], sys.argv[3::2]):
    server, handler = kinds[kind]
    server = server(("::", int(port)), handler)
    threading.Thread(target=server.serve_forever).start()
PYTHON

# A client: `lines ADDRESS PORT` talks a little, `dns ADDRESS PORT` asks once.
cat >"$work/talk.py" <<'PYTHON'
import os, socket, struct, sys

kind, host, port = sys.argv[1:]
if kind == "lines":
    with socket.create_connection((host, port), timeout=5) as talk:
        answers = talk.makefile()
        print(answers.readline().strip())
        for line in ["hello", "how are you?", "goodbye"]:
            talk.sendall(line.encode() + b"\r\n")
            print(answers.readline().strip())
else:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as talk:
        talk.settimeout(5)
        question = b"\x06whoami\x07example\x03com\x00" + struct.pack(">HH", 16, 1)
        counts = struct.pack(">HHHHH", 0x0100, 1, 0, 0, 0)
        talk.sendto(os.urandom(2) + counts + question, (host, int(port)))
        print(talk.recv(2000)[12 + len(question) + 13 :].decode())
PYTHON

get() { # host, URL
    on "$1" curl --silent --show-error --globoff --noproxy '*' --max-time 5 "$2"
}
# Requests until every web server has answered, and at least eight.
get_from_all() { # URL
    local answered="" n server
    for n in {1..40}; do
        server=$(get client "$1" | tr -d '\0' | head -n 1 | cut -d' ' -f1)
        case " $answered " in *" $server "*) ;; *) answered+=" $server" ;; esac
        if [ "$n" -ge 8 ] && [ "$(wc -w <<<"$answered")" = 3 ]; then return; fi
    done
    die "only$answered answered at $1"
}

start_servers() {
    local host
    for host in web-1 web-2 web-3; do
        start "$host" "$host" python3 "$work/serve.py" "$host" http 8080 lines 22 dns 5353
    done
    start db-1 db-1 python3 "$work/serve.py" db-1 lines 5432
    start internet internet python3 "$work/serve.py" internet http 80 http 8000 dns 53
    for host in web-1 web-2 web-3; do await "$host" get "$host" http://127.0.0.1:8080/; done
    await internet get internet http://127.0.0.1:8000/
}

talk() {
    local n host
    echo "- inbound: load-balancing rules"
    get_from_all http://203.0.113.10/
    get_from_all "http://[2001:db8::10]/"
    get client http://203.0.113.10/large >/dev/null
    get client "http://[2001:db8::10]/large" >/dev/null
    for n in 1 2 3; do on client python3 "$work/talk.py" dns 203.0.113.10 53; done
    echo "- inbound: NAT rule to web-1, public address of db-1"
    on client python3 "$work/talk.py" lines 203.0.113.10 50001
    on client python3 "$work/talk.py" lines 203.0.113.99 5432
    echo "- outbound: SNAT; the same destination twice, and another port of it"
    for host in web-1 web-2 web-3; do
        get "$host" http://192.0.2.2/
        get "$host" "http://[2001:db8:e::2]/"
    done
    get web-1 http://192.0.2.2/
    get web-1 http://192.0.2.2:8000/
    on web-2 python3 "$work/talk.py" dns 192.0.2.2 53
    echo "- outbound: public address of db-1"
    get db-1 http://192.0.2.2/
}

# --- the recording -----------------------------------------------------------------------------

record() { # file, host, interface: what comes in there
    start "tcpdump-$1" "$2" tcpdump -i "$3" -Q in -U --immediate-mode -n -p -s 0 -Z root \
        --time-stamp-precision nano -w "$work/$1"
}

# Merges captures by time; on a tie, in the order given.
cat >"$work/merge.py" <<'PYTHON'
import struct, sys

packets = []
for path in sys.argv[2:]:
    data = open(path, "rb").read()
    assert struct.unpack_from("<I", data)[0] == 0xA1B23C4D, f"{path}: not little-endian nanoseconds"
    at = 24
    while at < len(data):
        seconds, nanos, length, full = struct.unpack_from("<IIII", data, at)
        assert length == full, f"{path}: a cut packet"
        packets.append((seconds, nanos, data[at + 16 : at + 16 + length]))
        at += 16 + length
packets.sort(key=lambda packet: packet[:2])
with open(sys.argv[1], "wb") as out:
    out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
    for seconds, nanos, frame in packets:
        out.write(struct.pack("<IIII", seconds, nanos // 1000, len(frame), len(frame)) + frame)
print(f"{sys.argv[1]}: {len(packets)} packets")
PYTHON

build_network
start_card
start_servers
sleep 3 # until nobody announces his multicast groups any more

servers=${#running[@]}
record in-0 switch up0
record out-0 router uplink
for n in 1 2 3 4; do
    record "in-$n" switch "v$n"
    record "out-$n" "${instances[n - 1]}" eth0
done
for log in "$work"/tcpdump-*.log; do await tcpdump grep -q '^tcpdump: listening' "$log"; done
for host in router "${instances[@]}"; do on "$host" ip neigh flush all; done # so that they ask
talk
sleep 1.5 # until the last connections are closed and their packets written
stop "${running[@]:servers}"
running=("${running[@]:0:servers}")

python3 "$work/merge.py" "$capture" "$work"/in-?
if [ -n "$left" ]; then
    python3 "$work/merge.py" "$left" "$work"/out-?
fi
