"""
The network of a cluster: a switch that all hosts hang on, and what can be done to a host's line.

The switch is a machine of its own, so no bridge, rule or setting of the machine that runs the tests is touched; that
one has a single line to it, and thereby reaches every host under its own address.

Note [How a host is cut off]
    By rules in the host's raw table, which nobody else uses: packets vanish, as they do on a real line, and also on
    the way to the host's own member of etcd, which no switch sees. The line to the switch itself stays, so a test can
    still ask a host that is alone what it thinks.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.rig.cluster.machine import Machine
from tests.rig.docker_engine import until

CLIENT, PEER = 2379, 2380
"""The ports of etcd."""

LINE = Path(__file__).with_name("line.py")
OWN_NUMBERS = range(200)
STATION = 254


class Network:
    """
    Hosts have the addresses .1, .2 and so on of a subnet that is ours alone; the tests have .254.

    :param lock, log: as for a machine, and the file that the lines of slow hosts write to.
    """

    def __init__(self, lock: int, log: Path) -> None:
        self.switch = Machine("switch", lock)
        self._log = log
        self._number = -1
        self._machines: dict[int, Machine] = {}

    def open(self) -> None:
        self.switch.boot()
        self.switch.run("ip", "link", "add", "bridge", "type", "bridge")
        self.switch.run("ip", "link", "set", "bridge", "up")
        self._number = self._connect_station()

    def close(self) -> None:
        self.switch.cut_power()

    def address(self, host: int) -> str:
        return f"10.214.{self._number}.{host}"

    def connect(self, host: int, machine: Machine) -> None:
        """Give a machine that was just booted its line; the hardware address stays, others have it cached."""
        self._machines[host] = machine
        ends = ["name", f"port{host}", "netns", str(self.switch.pid), "type", "veth", "peer"]
        subprocess.run(["ip", "link", "add", *ends, "name", "eth0", "netns", str(machine.pid)], check=True)
        self.switch.run("ip", "link", "set", f"port{host}", "master", "bridge", "up")
        machine.run("ip", "link", "set", "eth0", "address", f"02:00:00:00:00:{host:02x}", "up")
        machine.run("ip", "address", "add", f"{self.address(host)}/24", "dev", "eth0")
        machine.run("ip", "route", "add", "default", "via", self.address(STATION))

    def disconnect(self, host: int) -> None:
        """Take the line of a machine that is off: the kernel does too, but only some time later."""
        self._machines.pop(host, None)
        self.heal_line(host)
        self.switch.run("sh", "-c", f"ip link delete port{host} || ! ip link show port{host}")

    # The faults of a line. Note [How a host is cut off].

    def cut_from_all(self, host: int) -> None:
        """No packet to or from another host."""
        self._restrict(host, self._others(host))

    def cut_from_hosts(self, host: int) -> None:
        """No packet to or from another host, but for those of etcd."""
        ports = f"-p tcp -m multiport --ports {CLIENT},{PEER} -j ACCEPT"
        self._restrict(host, [f"-A PREROUTING {ports}", f"-A OUTPUT {ports}", *self._others(host)])

    def cut_from_etcd(self, host: int) -> None:
        """Processes here reach no member, the one here included; that one is reached by others and goes on."""
        self._restrict(host, [f"-A OUTPUT -p tcp --dport {CLIENT} -j DROP"])

    def cut_member(self, host: int) -> None:
        """The member here is reached by nobody and reaches none; the rest of the host goes on."""
        ports = f"-p tcp -m multiport --dports {CLIENT},{PEER} -j DROP"
        answers, calls = f"-p tcp --sport {PEER} -j DROP", f"-p tcp --dport {PEER} ! -o lo -j DROP"
        self._restrict(host, [f"-A PREROUTING {ports}", f"-A PREROUTING {answers}", f"-A OUTPUT {calls}"])

    def heal(self, host: int) -> None:
        """Undo everything that was done to this host's line."""
        self._restrict(host, [])
        self.heal_line(host)

    def slow_down(self, host: int, delay: float = 0.0, loss: float = 0.0, ports: Sequence[int] = ()) -> None:
        """
        Delay each packet by some seconds in each direction, and lose this share of them.

        :param ports: if any, only packets from or to these TCP ports are hit.
        """
        here, there, bridge = f"near{host}", f"far{host}", f"line{host}"
        self.switch.run("ip", "link", "add", bridge, "type", "bridge")
        self.switch.run("ip", "link", "set", bridge, "up")
        for name, place in ((here, bridge), (there, "bridge")):
            self.switch.run("ip", "tuntap", "add", name, "mode", "tap")
            self.switch.run("ip", "link", "set", name, "master", place, "up")
        wanted = [str(delay), str(loss), ",".join(map(str, ports))]
        self.switch.spawn([sys.executable, str(LINE), here, there, *wanted], self._log)
        until(lambda: "LOWER_UP" in self.switch.run("ip", "link", "show", there))
        self.switch.run("ip", "link", "set", f"port{host}", "master", bridge)

    def heal_line(self, host: int) -> None:
        """Undo ``slow_down``."""
        if f"line{host}:" not in self.switch.run("ip", "link", "show"):
            return
        self.switch.run("sh", "-c", f"ip link set port{host} master bridge || ! ip link show port{host}")
        self.switch.signal(f"{sys.executable} {LINE} near{host} ", signal.SIGKILL)
        for name in (f"near{host}", f"far{host}", f"line{host}"):
            self.switch.run("ip", "link", "delete", name)

    def _others(self, host: int) -> list[str]:
        """Packets that containers send are seen before they are sent on."""
        rules = []
        for other in self._machines.keys() - {host}:
            address = self.address(other)
            rules += [f"-A PREROUTING -s {address} -j DROP", f"-A PREROUTING -d {address} -j DROP"]
            rules += [f"-A OUTPUT -d {address} -j DROP"]
        return rules

    def _restrict(self, host: int, rules: Sequence[str]) -> None:
        """These rules take the place of those there were."""
        self._machines[host].run("iptables-restore", "-w", stdin="\n".join(["*raw", *rules, "COMMIT", ""]))

    def _connect_station(self) -> int:
        """Our own line, whose name the kernel gives to one cluster at a time: its number is our subnet's."""
        taken = subprocess.run(["ip", "route"], capture_output=True, text=True, check=True).stdout
        for number in OWN_NUMBERS:
            name, subnet = f"daprd-net{number}", f"10.214.{number}."
            free = not any(line.startswith(subnet) for line in taken.splitlines())
            add = ["ip", "link", "add", name, "type", "veth", "peer", "name", "station", "netns", str(self.switch.pid)]
            if free and subprocess.run(add, stderr=subprocess.DEVNULL).returncode == 0:
                address = f"{subnet}{STATION}/24"
                subprocess.run(["ip", "address", "add", address, "dev", name], check=True)
                subprocess.run(["ip", "link", "set", name, "up"], check=True)
                self.switch.run("ip", "link", "set", "station", "master", "bridge", "up")
                return number
        raise AssertionError("no network could be made: namespaces need root")
