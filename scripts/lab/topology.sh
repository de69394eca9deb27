# shellcheck shell=bash
# PBX -- edge -- carrier: three namespaces joined by two veth pairs. To be sourced.

readonly PBX=trunkline-demo-pbx EDGE=trunkline-demo-edge CARRIER=trunkline-demo-carrier
readonly PBX_ADDRESS=10.1.0.2 EDGE_CORE=10.1.0.1 EDGE_CARRIER=10.2.0.1 CARRIER_ADDRESS=10.2.0.2

build_topology() {
    local namespace
    for namespace in "$PBX" "$EDGE" "$CARRIER"; do
        ip netns add "$namespace"
        ip -n "$namespace" link set dev lo up
    done
    join_to_edge core "$EDGE_CORE" "$PBX" "$PBX_ADDRESS"
    join_to_edge carrier "$EDGE_CARRIER" "$CARRIER" "$CARRIER_ADDRESS"
}

join_to_edge() {
    local interface=$1 near=$2 namespace=$3 far=$4
    ip -n "$EDGE" link add name "$interface" type veth peer name eth0 netns "$namespace"
    ip -n "$EDGE" addr add "$near/24" dev "$interface"
    ip -n "$EDGE" link set dev "$interface" up
    ip -n "$namespace" addr add "$far/24" dev eth0
    ip -n "$namespace" link set dev eth0 up
    # XDP must see full checksums, and redirected frames arrive only where NAPI runs.
    ip netns exec "$namespace" ethtool -K eth0 tx off gro on >/dev/null
}

# Deleting a namespace deletes the veth pair in it.
delete_topology() {
    local namespace
    for namespace in "$PBX" "$EDGE" "$CARRIER"; do
        if [ -e "/run/netns/$namespace" ]; then
            ip netns del "$namespace" || true
        fi
    done
}
