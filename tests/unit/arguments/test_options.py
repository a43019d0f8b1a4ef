"""The options of an agent become its settings, and what makes no sense is refused by name."""

from __future__ import annotations

import contextlib
import errno
import io
import ipaddress
import os
import resource
import socket
from functools import partial
from pathlib import Path

from twisted.python import usage
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.arguments.address import default_address, is_here, short_host_name
from daprdockr.arguments.agent_parameters import FLAGS, PARAMETERS
from daprdockr.arguments.options import Options
from daprdockr.arguments.settings import Settings
from daprdockr.etcd.address import EtcdEndpoint
from daprdockr.etcd.cluster_files import ClusterFiles
from daprdockr.model.errors import BadInput
from daprdockr.model.etcd_member import HostPart
from daprdockr.model.wanted.privileges import PRIVILEGES

SURROUNDINGS = {"HOST_IP": "192.0.2.7"}

REFUSED = {
    "--etcd": ["", ",", "ftp://a:1", "a:70000", "http://a:1,https://b:2", "http://a b:1"],
    "--docker": ["", "/var/run/docker.sock", "unix://docker.sock", "npipe:////x", "tcp:// a"],
    "--node": ["", "Node", "a.b", "-a", "a" * 64, "a;b"],
    "--host": ["", "host1", "10.0.0", "0.0.0.0", "::", "224.0.0.1", "fe80::1%eth0", "10.0.0.1,,10.0.0.2"],
    "--dns": ["", "53", "0.0.0.0", "0.0.0.0:70000", "0.0.0.0:0", "::1:53x", "localhost:53", "[1::1]", "0.0.0.0:5 3"],
    "--dns-upstream": ["", "dns.example.com", "192.0.2.1:0", "192.0.2.1:99999", "192.0.2.1,"],
    "--dns-forward": [
        "",
        "corp.local",
        "corp.local=",
        "=10.0.0.1",
        "corp.local=none",
        "corp.local=ns.corp.local",
        "corp.local=10.0.0.1,",
        "corp..local=10.0.0.1",
        "corp local=10.0.0.1",
        ".=10.0.0.1",
        "container=10.0.0.1",
        "web.myapp.Container.=10.0.0.1",
        "localhost=127.0.0.1",
        "a" * 64 + "=10.0.0.1",
        "a." * 127 + "a=10.0.0.1",
    ],
    "--dns-allow": ["", "10.0.0.0/99", "10.0.0.1/8", "all", "10.0.0.0/8;"],
    "--http": ["80", "0.0.0.0:65536", "0.0.0.0:80;"],
    "--https": ["0.0.0.0", "yes"],
    "--certificates": ["", "/a\0b"],
    "--https-unknown": ["yes"],
    "--http-proxy-protocol": ["80", "localhost:80"],
    "--http-trust": ["", "10.0.0.1/8", "all", "none,10.0.0.0/8"],
    "--http-per-client": ["0", "65536", "many"],
    "--http-pages": [""],
    "--access-log": ["", "/no/such/directory/access.log", "/", "/" + "x" * 300],
    "--acme-email": ["", "anna"],
    "--acme-directory": [],
    "--acme-staging": ["none"],
    "--acme-ca": ["/no/such/file"],
    "--acme-binding": ["/no/such/file"],
    "--acme-zone": ["acme", "a.container", "*.example.com", "a b.example.com", f"{'a.' * 64}com"],
    "--nginx": ["", "./ngi\0nx"],
    "--peer": ["", "5081", "127.0.0.1:-1", "a.test:5081"],
    "--api": ["", "5080", "127.0.0.1:-1"],
    "--state-dir": [""],
    "--lease-ttl": ["1", "0", "-6", "6.5", "x", "", "99999"],
    "--prefix": ["daprdockr", "/", "/a/", "/a b", "/" + "a" * 64],
    "--label": ["x", "=a", "a=", "a=b c", "a==b"],
    "--allow": ["", "root", "privileged,", "all,binds", "none,binds"],
    "--cluster-key": [""],
    "--memory-dir": [""],
    "--docker-workers": ["0", "257", "many"],
    "--prune-images": ["", "0", "8761", "no", "1.5"],
    "--cpuprofile": ["", "/no/such/directory/profile", "/", "/" + "x" * 300],
    "--etcd-ca": ["/no/such/file"],
    "--etcd-user": ["somebody"],
    "--etcd-password-file": ["/no/such/file"],
    "--api-token-file": [""],
    "--log-format": ["yaml"],
}


def read(*words: str, environment: dict[str, str] | None = None) -> Settings:
    options = Options(SURROUNDINGS if environment is None else environment)
    options.parseOptions(list(words))
    return options.settings()


class DefaultTests(SynchronousTestCase):
    """An agent without any option."""

    def test_defaults(self) -> None:
        """Every option has the default of the contract."""
        settings = read()
        self.assertEqual([endpoint.port for endpoint in settings.etcd.endpoints], [5001, 5002, 5003])
        self.assertEqual(settings.docker, "unix:///var/run/docker.sock")
        self.assertEqual(settings.dns, (("0.0.0.0", 53),))
        self.assertIsNone(settings.dns_upstream)
        self.assertEqual((settings.http, settings.https), ((("0.0.0.0", 80),), ()))
        self.assertEqual(settings.nginx, "nginx")
        self.assertEqual(settings.api, ("127.0.0.1", 5080))
        self.assertEqual(settings.state_dir, Path("/var/lib/daprdockr"))
        self.assertEqual((settings.lease_ttl, settings.docker_workers), (6, 8))
        self.assertEqual((settings.prefix, settings.label, settings.allow), ("/daprdockr", {}, frozenset()))
        self.assertIsNone(settings.cpuprofile)
        self.assertEqual((settings.cluster_key, settings.memory_dir), (None, None))
        self.assertFalse(settings.embedded_etcd or settings.ephemeral)

    def test_tls(self) -> None:
        """TLS has listeners, a directory of certificates, and a choice for unknown names."""
        settings = read(
            "--https", "0.0.0.0:443", "--https", "[::]:443", "--certificates", "tls", "--https-unknown=refuse"
        )
        self.assertEqual(settings.https, (("0.0.0.0", 443), ("::", 443)))
        self.assertEqual((settings.certificates, settings.https_unknown), (Path("tls").absolute(), "refuse"))
        self.assertEqual((read().certificates, read().https_unknown), (None, "default"))

    def test_secrets(self) -> None:
        """The key and the place for files of secrets are whole paths, whatever the working directory becomes."""
        settings = read("--cluster-key", "my.key", "--memory-dir", "/dev/shm/x")
        self.assertEqual((settings.cluster_key, settings.memory_dir), (Path("my.key").absolute(), Path("/dev/shm/x")))

    def test_privileges(self) -> None:
        """Privileges add up over options and commas."""
        self.assertEqual(read("--allow", "binds,privileged", "--allow", "binds").allow, {"binds", "privileged"})
        self.assertEqual(read("--allow", "all").allow, set(PRIVILEGES))

    def test_forwarding_is_private(self) -> None:
        """Names are forwarded for loopback and private addresses, and for no others."""
        allow = read().dns_allow

        def allowed(address: str) -> bool:
            return any(ipaddress.ip_address(address) in network for network in allow)

        inside = ["127.0.0.1", "::1", "10.1.2.3", "172.17.0.2", "192.168.1.1", "fd00::1"]
        self.assertEqual([address for address in inside if not allowed(address)], [])
        self.assertEqual([address for address in ("8.8.8.8", "172.32.0.1", "2001:4860::1") if allowed(address)], [])

    def test_node_is_the_host_name(self) -> None:
        """The node is called like the host, in lower case, without the domain."""
        self.assertEqual(short_host_name("Web-1.example.com"), "web-1")
        self.assertEqual(read().node, short_host_name(socket.gethostname()))

    def test_host_name_that_is_no_label(self) -> None:
        """A host name that cannot be a node name is refused, not bent."""
        self.assertRaises(BadInput, short_host_name, "web_1")

    def test_host_is_that_of_the_default_route(self) -> None:
        """Without HOST_IP the address of the default route is published."""
        self.assertEqual(read(environment={}).host, (default_address(),))

    def test_no_descriptor(self) -> None:
        """For lack of a file descriptor no address is taken for absent, nor another one for that of the node."""
        former = resource.getrlimit(resource.RLIMIT_NOFILE)
        for ask in (default_address, partial(is_here, "127.0.0.1")):
            resource.setrlimit(resource.RLIMIT_NOFILE, (0, former[1]))
            try:
                with self.assertRaises(OSError) as raised:
                    ask()
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, former)
            self.assertEqual(raised.exception.errno, errno.EMFILE)

    def joined(self, node: str = "a") -> ClusterFiles:
        """Return the files of a host that joined a cluster as ``node``."""
        files = ClusterFiles(Path(self.mktemp()).absolute())
        for path in (files.authority, files.agent_certificate, files.host_key):
            files.write(path, b"x")
        files.write_endpoints(("https://127.0.0.9:2379",))
        files.write(files.host, HostPart(node, "127.0.0.9").encode())
        return files

    def test_host_of_a_cluster(self) -> None:
        """
        A host that joined with an address (HOST_IP, where another one has the default route) keeps it while it has it:
        etcd listens there. It counts for the agent of that cluster, and after what is given.
        """
        files = self.joined()
        words = ("--state-dir", str(files.state))
        settings = read(*words, environment={})
        self.assertEqual((settings.host, settings.host_given), (("127.0.0.9",), False))
        self.assertEqual(settings.peer, ("127.0.0.9", 5081))
        self.assertEqual(read(*words, environment=SURROUNDINGS).host, ("192.0.2.7",))
        self.assertEqual(read(*words, "--etcd", "http://e:1", environment={}).host, (default_address(),))
        files.write(files.host, HostPart("a", "192.0.2.77").encode())
        self.assertEqual(read(*words, environment={}).host, (default_address(),))

    def test_node_of_a_cluster(self) -> None:
        """A host that was renamed since it joined keeps the name of its node, by which its member of etcd is known."""
        words = ("--state-dir", str(self.joined("a-former-name").state))
        self.assertEqual(read(*words).node, "a-former-name")
        self.assertEqual(read(*words, "--node", "b").node, "b")
        self.assertEqual(read(*words, "--etcd", "http://e:1").node, short_host_name(socket.gethostname()))


class GivenTests(SynchronousTestCase):
    """Options that are given are read into their parts."""

    def test_environment(self) -> None:
        """ETCD_HOSTS, DOCKER_HOST and HOST_IP count when their options are absent."""
        environment = {"ETCD_HOSTS": "http://e:1", "DOCKER_HOST": "tcp://d:2", "HOST_IP": "192.0.2.1,2001:DB8::1"}
        settings = read(environment=environment)
        self.assertEqual(settings.etcd.endpoints, (EtcdEndpoint("e", 1),))
        self.assertEqual(settings.docker, "tcp://d:2")
        self.assertEqual(settings.host, ("192.0.2.1", "2001:db8::1"))

    def test_option_before_environment(self) -> None:
        """An option wins over its environment variable, also when it says what the default says."""
        default = "unix:///var/run/docker.sock"
        settings = read("--docker", default, environment={"DOCKER_HOST": "tcp://d:2", **SURROUNDINGS})
        self.assertEqual(settings.docker, default)

    def test_empty_variable(self) -> None:
        """An environment variable that is empty counts as not set."""
        self.assertEqual(read(environment={"DOCKER_HOST": "", **SURROUNDINGS}).docker, "unix:///var/run/docker.sock")

    def test_repeated(self) -> None:
        """Listeners and labels add up, and replace the default."""
        settings = read("--dns", "127.0.0.1:53", "--dns", "[::1]:53", "--label", "zone=a", "--label", "disk=ssd")
        self.assertEqual(settings.dns, (("127.0.0.1", 53), ("::1", 53)))
        self.assertEqual(settings.label, {"zone": "a", "disk": "ssd"})

    def test_one_parse_does_not_reach_the_next(self) -> None:
        """Options that are read twice do not share what was repeated."""
        read("--label", "zone=a")
        self.assertEqual(read().label, {})

    def test_off(self) -> None:
        """DNS, nginx and the API can be switched off."""
        settings = read("--dns=off", "--http=off", "--https=off", "--api=off")
        self.assertEqual((settings.dns, settings.http, settings.https, settings.api), ((), (), (), None))

    def test_upstreams(self) -> None:
        """Name servers have port 53 unless they say otherwise, in either family; none is none."""
        settings = read("--dns-upstream", "192.0.2.1,192.0.2.1:54,::1,[::1],[::1]:54")
        self.assertEqual(settings.dns_upstream, (("192.0.2.1", 53), ("192.0.2.1", 54), ("::1", 53), ("::1", 54)))
        self.assertEqual(read("--dns-upstream", "none").dns_upstream, ())

    def test_forwards(self) -> None:
        """A zone has the servers of all its mentions, each once, however its name is written."""
        settings = read("--dns-forward", "Corp.Local.=10.0.0.1,[::1]:54", "--dns-forward", "corp.local=10.0.0.1:53,::2")
        servers = (("10.0.0.1", 53), ("::1", 54), ("::2", 53))
        self.assertEqual(settings.dns_forward, {(b"corp", b"local"): servers})
        self.assertEqual(read().dns_forward, {})

    def test_relative_paths(self) -> None:
        """Paths are absolute, so that they survive a change of the working directory; a bare program name stays."""
        settings = read("--state-dir", "here", "--nginx", "bin/nginx")
        self.assertEqual(settings.state_dir, Path(os.getcwd(), "here"))
        self.assertEqual(settings.nginx, os.path.join(os.getcwd(), "bin/nginx"))

    def test_access(self) -> None:
        """TLS files, user and password reach the access to etcd; the password is the first line of its file."""
        directory = Path(self.mktemp())
        directory.mkdir()
        for name in ("ca", "cert", "key"):
            (directory / name).touch()
        (directory / "password").write_text("s3cret \r\nsecond line\n")
        words = [f"--etcd-{name}={directory / name}" for name in ("ca", "cert", "key")]
        settings = read(
            "--etcd=https://e:1", *words, "--etcd-user=root", f"--etcd-password-file={directory / 'password'}"
        )
        self.assertTrue(settings.etcd.secure)
        self.assertEqual((settings.etcd.user, settings.etcd.password), ("root", "s3cret "))
        self.assertEqual(settings.etcd.key, (directory / "key").absolute())

    def test_flags(self) -> None:
        """Flags need no value."""
        settings = read("--embedded-etcd", "--ephemeral")
        self.assertTrue(settings.embedded_etcd and settings.ephemeral)


class RefusedTests(SynchronousTestCase):
    """An option that makes no sense ends in one line that names it."""

    def refusal(self, *words: str) -> str:
        return str(self.assertRaises(usage.UsageError, read, *words))

    def test_values(self) -> None:
        """Each value that cannot be used is answered with one line that names its option."""
        for option, values in REFUSED.items():
            for value in values:
                line = self.refusal(f"{option}={value}")
                self.assertIn(option, line)
                self.assertNotIn("\n", line)

    def test_every_parameter_is_tried(self) -> None:
        """The table above leaves out only what any text may be: the names of files that go together."""
        self.assertEqual({f"--{row.name}" for row in PARAMETERS} - set(REFUSED), {"--etcd-cert", "--etcd-key"})

    def test_off_and_on(self) -> None:
        """Off beside an address is refused."""
        self.assertIn("--dns: off", self.refusal("--dns", "off", "--dns", "127.0.0.1:53"))

    def test_label_twice(self) -> None:
        """A label has one value."""
        self.assertIn("--label: zone is given twice", self.refusal("--label", "zone=a", "--label", "zone=b"))

    def test_label_node(self) -> None:
        """The label that every node has is its name: another value would be shown, and no constraint would find it."""
        self.assertIn("--label: node is the name", self.refusal("--node", "n1", "--label", "node=db"))
        self.assertEqual(read("--node", "n1", "--label", "node=n1").label, {"node": "n1"})
        usual = short_host_name(socket.gethostname())
        self.assertEqual(read("--label", f"node={usual}").label, {"node": usual})
        self.assertIn(f"is the name of the node, {usual}: give --node", self.refusal("--label", f"node={usual}-2"))

    def test_listeners_meet(self) -> None:
        """Two parts of the agent cannot listen on one address and port."""
        self.assertIn("--api", self.refusal("--http", "127.0.0.1:80", "--api", "127.0.0.1:80"))

    def test_peer(self) -> None:
        """Sessions are taken at the first address of the node, unless another is named; its port is nobody else's."""
        self.assertEqual(read("--host", "192.0.2.1,192.0.2.2").peer, ("192.0.2.1", 5081))
        self.assertEqual(read("--peer", "127.0.0.1:1").peer, ("127.0.0.1", 1))
        self.assertIsNone(read("--peer", "off").peer)
        self.assertIn("--peer", self.refusal("--http", "127.0.0.1:80", "--peer", "127.0.0.1:80"))

    def test_certificates_of_nobody(self) -> None:
        """Certificates without a listener for TLS are a mistake."""
        self.assertIn("give --https", self.refusal("--certificates", "/etc/tls"))

    def test_embedded_etcd_beside_that_of_a_cluster(self) -> None:
        """A host of ``init`` has its etcd, and no room for a private one, whichever endpoint that would have."""
        state = Path(self.mktemp()).absolute()
        ClusterFiles(state).write_endpoints(("https://192.0.2.7:2379",))
        for named in ([], ["--etcd", "http://127.0.0.1:5001"]):
            self.assertIn("--embedded-etcd", self.refusal("--state-dir", str(state), "--embedded-etcd", *named))

    def test_proxy_protocol_of_nobody(self) -> None:
        """A listener for trusted proxies is refused while none is trusted."""
        words = ["--http-proxy-protocol", "0.0.0.0:8080"]
        self.assertIn("--http-trust", self.refusal(*words))
        self.assertEqual(read(*words, "--http-trust", "10.0.0.0/8").http_proxy_protocol, (("0.0.0.0", 8080),))

    def test_unknown(self) -> None:
        """An unknown option and a stray word are named."""
        self.assertIn("--instances", self.refusal("--instances", "3"))
        self.assertIn("'stray'", self.refusal("stray"))

    def test_variable_is_named(self) -> None:
        """A bad value that came from the environment is answered with the variable's name too."""
        options = Options({"HOST_IP": "nowhere"})
        self.assertIn("HOST_IP", str(self.assertRaises(usage.UsageError, options.parseOptions, [])))

    def test_below_twistd(self) -> None:
        """Below ``twistd`` the line goes to stderr and the program ends, without pages of help."""
        options = Options(SURROUNDINGS)
        options.parent = usage.Options()
        stderr = io.StringIO()
        with contextlib.redirect_stderr(stderr):
            error = self.assertRaises(SystemExit, options.parseOptions, ["--lease-ttl", "1"])
        self.assertEqual(error.code, 2)
        self.assertRegex(stderr.getvalue(), r"\Adaprdockr: --lease-ttl: [^\n]+\n\Z")


class HelpTests(SynchronousTestCase):
    """The text of ``--help``."""

    def test_names_everything(self) -> None:
        """Every option, every default and every environment variable is in the help."""
        text = " ".join(Options(SURROUNDINGS).getUsage(width=200).split())
        for row in PARAMETERS:
            self.assertIn(f"--{row.name}=", text)
            self.assertIn(row.default or "", text)
            self.assertIn(row.variable, text)
        for name in FLAGS:
            self.assertIn(f"--{name}", text)
