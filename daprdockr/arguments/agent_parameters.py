# -*- test-case-name: tests.unit.arguments.test_options -*-
"""The table of an agent's options: what each is called, what it means, how it is read. ``options`` reads them."""

from __future__ import annotations

from daprdockr.arguments import parameter
from daprdockr.arguments.access import ETCD_PARAMETERS
from daprdockr.arguments.acme import ACME_PARAMETERS
from daprdockr.arguments.local_reads import STATE_DIR
from daprdockr.arguments.parameter import Parameter
from daprdockr.model.names import check_label
from daprdockr.model.stored.keys import Keys
from daprdockr.proxy.clients import UNDER_WAY


def _node(text: str) -> str:
    return check_label(text, "node")


def _prefix(text: str) -> str:
    return Keys(text).prefix


PARAMETERS: tuple[Parameter, ...] = (
    *ETCD_PARAMETERS,
    Parameter(
        "docker",
        "URL",
        "the Docker Engine of this host",
        default="unix:///var/run/docker.sock",
        variable="DOCKER_HOST",
        read=parameter.engine_url,
    ),
    Parameter(
        "node",
        "NAME",
        "name of this node, a DNS label (default: that of init or join, else the short host name)",
        read=_node,
    ),
    Parameter(
        "host",
        "ADDR[,ADDR]",
        "addresses of this host to publish in DNS (default: that of init or join, else that of the default route's"
        " interface)",
        variable="HOST_IP",
        read=parameter.host_addresses,
    ),
    Parameter(
        "dns",
        "ADDR:PORT",
        "answer DNS here, or off",
        default="0.0.0.0:53",
        many=True,
        read=parameter.listeners,
    ),
    Parameter(
        "dns-upstream",
        "ADDR[:PORT],...",
        "name servers for names outside container, or none (default: those of /etc/resolv.conf)",
        read=parameter.upstreams,
    ),
    Parameter(
        "dns-forward",
        "ZONE=ADDR[:PORT],...",
        "name servers of a zone of this site",
        many=True,
        read=parameter.forwards,
    ),
    Parameter(
        "dns-allow",
        "CIDR,...",
        "networks whose clients may ask for names outside container (default: loopback and private ranges)",
        read=parameter.networks,
    ),
    Parameter(
        "http",
        "ADDR:PORT",
        "let nginx listen here for HTTP, or off",
        default="0.0.0.0:80",
        many=True,
        read=parameter.listeners,
    ),
    Parameter(
        "https", "ADDR:PORT", "let nginx listen here for TLS", default="off", many=True, read=parameter.listeners
    ),
    Parameter(
        "certificates",
        "DIR",
        "directory with <host name>.crt and .key files, followed as they change",
        read=parameter.absolute_path,
    ),
    Parameter(
        "https-unknown",
        "WHAT",
        "what clients get that ask for a host name without a certificate: default, a self-signed one, or refuse",
        default="default",
        read=parameter.choice("default", "refuse"),
    ),
    Parameter(
        "http-proxy-protocol",
        "ADDR:PORT",
        "let nginx listen here for HTTP behind the PROXY protocol, as trusted proxies speak it",
        many=True,
        read=parameter.listeners,
    ),
    Parameter(
        "http-trust",
        "CIDR,...",
        "networks of proxies whose X-Forwarded headers are kept, or none",
        default="none",
        read=parameter.some_networks,
    ),
    Parameter(
        "http-per-client",
        "N",
        "requests that one address may have under way",
        default=str(UNDER_WAY),
        read=parameter.whole_number(1, 65535),
    ),
    Parameter(
        "http-pages",
        "DIR",
        "directory of pages such as 404.html and 503.txt, in place of nginx's own",
        read=parameter.absolute_path,
    ),
    Parameter("access-log", "FILE", "write a line of JSON for each HTTP request here", read=parameter.new_file),
    *ACME_PARAMETERS,
    Parameter("nginx", "PATH", "the nginx program", default="nginx", read=parameter.program),
    Parameter(
        "api",
        "ADDR:PORT",
        "serve the status page, the API in JSON, /healthz and /metrics here, or off",
        default="127.0.0.1:5080",
        read=parameter.listener,
    ),
    Parameter(
        "peer",
        "ADDR:PORT",
        "take daprdockrcmd logs, exec, forward, push and volume, images of other nodes, and hosts that join here, or"
        " off (default: the first --host address, port 5081)",
        read=parameter.listener,
    ),
    Parameter(
        "api-token-file",
        "FILE",
        "file whose first line is the bearer token that opens --api beyond loopback",
        read=parameter.absolute_path,
    ),
    Parameter(
        "log-format",
        "FORMAT",
        "lines of the log: text, or json with the fields of each event by name",
        default="text",
        read=parameter.choice("text", "json"),
    ),
    Parameter(
        "state-dir",
        "DIR",
        "directory for all that this agent writes",
        default=STATE_DIR,
        read=parameter.absolute_path,
    ),
    Parameter(
        "cluster-key",
        "FILE",
        "the key that opens secrets and certificates (default: cluster.key in the state directory, if there is one)",
        read=parameter.absolute_path,
    ),
    Parameter(
        "memory-dir",
        "DIR",
        "directory in memory for secrets and keys of TLS (default: /run/daprdockr, or /dev/shm/daprdockr)",
        read=parameter.absolute_path,
    ),
    Parameter(
        "lease-ttl",
        "SECONDS",
        "a node silent for so long loses its claims, at least 2",
        default="6",
        read=parameter.whole_number(2, 3600, "seconds"),
    ),
    Parameter("prefix", "KEY", "root of our keys in etcd", default="/daprdockr", read=_prefix),
    Parameter("label", "NAME=VALUE", "label of this node, for placement", many=True, read=parameter.node_labels),
    Parameter(
        "allow",
        "NAME,...",
        "privileges that definitions may use on this host: privileged, binds, host-devices, ... or all",
        default="none",
        many=True,
        read=parameter.privileges,
    ),
    Parameter(
        "docker-workers",
        "N",
        "threads for blocking Docker calls",
        default="8",
        read=parameter.whole_number(1, 256),
    ),
    Parameter(
        "prune-images",
        "HOURS",
        "remove images of services that nothing has needed for so long, or off",
        default="off",
        read=parameter.number_or_off(1, 8760),
    ),
    Parameter("cpuprofile", "FILE", "write a CPU profile here at exit", read=parameter.new_file),
)
FLAGS = {
    "embedded-etcd": "run a private one-member etcd on the first --etcd endpoint",
    "no-etcd-upkeep": "leave etcd's compaction and defragmentation, and a full etcd, to others",
    "no-rebalance": "keep instances where they are when nodes join, however uneven that is",
    "no-peer-images": "pull images from registries alone, and hand none to other nodes",
    "ephemeral": "at exit take down containers, nginx, relay and embedded etcd",
}
