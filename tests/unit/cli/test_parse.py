"""A command line becomes a request, or one line that says what is wrong with it."""

from __future__ import annotations

import time

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.cli.parse import read_request
from daprdockr.cli.request import Request
from daprdockr.etcd.address import EtcdEndpoint
from daprdockr.model.errors import BadInput
from tests.build.values import API, WEB

REFUSED = {
    "-get -del -svc web.myapp": "-get and -del",
    "-get -set -svc web.myapp -image x": "-get and -set",
    "-stdin -del -svc web.myapp": "-stdin and -del",
    "-ip -get": "-get and -ip",
    "ps -set": "-set and ps",
    "-image x -svc web.myapp": "-image has no use with -get: write -set too",
    "-del -svc web.myapp -instances 3": "-instances has no use with -del",
    "-ip -svc web.myapp": "-svc has no use with -ip",
    "-o table": "-o: -get prints JSON alone",
    "status -timeout 3": "-timeout has no use with status",
    "ps -svc web.myapp": "-svc has no use with ps: write ps 'web.myapp'",
    "rollback -svc web.myapp 3": "-svc has no use with rollback: write rollback 'web.myapp' '3'",
    "status -svc=": "-svc has no use with status: leave it out",
    "nodes -svc web.myapp": "-svc has no use with nodes: leave it out",
    "nodes web.myapp": "'web.myapp' has no use with nodes",
    "ps web.myapp db.myapp": "'db.myapp' has no use with ps",
    "-set": "-set needs -svc",
    "-set -svc web.myapp": "-set needs something to set",
    "-del": "-del needs -svc",
    "frobnicate": "'frobnicate' is not a known command: daprdockrcmd help lists all",
    "help statsu": "'statsu' is not a known command: did you mean status?",
    "get": "get is written with a dash: -get",
    "apply web.yaml": "'web.yaml' has no use with apply: write -f web.yaml",
    "backup all.json": "'all.json' has no use with backup: write backup > all.json",
    "restore all.json": "'all.json' has no use with restore: write restore < all.json",
    "web.myapp": "'web.myapp' is not a known command",
    "statsu": "'statsu' is not a known command: did you mean status?",
    "-svc Web..x": "'Web..x'",
    "-svc web": "'web'",
    "-svc a/b.c": "'a/b'",
    f"-svc {'a' * 80}.myapp": "63",
    "history": "history needs the name of a service",
    "restart": "restart needs the name of a service",
    "restart web.myapp 3": "'3' has no use with restart",
    "rollback web.myapp x": "revision 'x'",
    "rollback web.myapp 0": "revision '0'",
    "rollback web.myapp 1 2": "'2' has no use with rollback",
    "scale": "scale needs a service and its number of instances, as in web.myapp=3",
    "scale web.myapp": "'web.myapp' is not usable: write the number of instances behind it, as in web.myapp=3",
    "scale web=3": "'web'",
    "scale web.myapp=": "web.myapp: ''",
    "scale web.myapp=-1": "web.myapp: '-1'",
    "scale web.myapp=10001": "from 0 to 10000",
    "scale web.myapp=1 web.myapp=2": "web.myapp is given twice",
    "ps 1.web.myapp": "'1.web.myapp'",
    "status -o yaml": "'yaml'",
    "wait -timeout -1": "-timeout",
    "wait -timeout 1h": "-timeout: '1h' is not usable, write a whole number of seconds from 0 to 86400",
    "-prefix x": "prefix 'x'",
    "-etcd ftp://x": "ftp://x",
    "-etcd-user root": "--etcd-user",
    "-instnces 3": "did you mean -instances",
    "up": "up is not a known command: daprdockrcmd apply -f FILE",
    "down": "down is not a known command: daprdockrcmd delete SERVICE, or GROUP for all of a group",
    "rm web.myapp": "rm is not a known command: daprdockrcmd delete SERVICE, or GROUP for all of a group",
    "stack rm myapp": "and delete GROUP for stack rm",
    "stop web.myapp": "stop is not a known command: daprdockrcmd scale SERVICE=0",
    "build": "build is not a known command: daprdockrcmd push IMAGE",
    "run report.shop": "run is not a known command: daprdockrcmd job run SERVICE",
    "up -d": "up is not a known command: daprdockrcmd apply -f FILE",
    "stack deploy -c stack.yml shop": "stack is not a known command: daprdockrcmd apply -f FILE for stack deploy",
    "node update --availability drain a": "node is not a known command: daprdockrcmd nodes for node ls, and drain",
    "start web.myapp": "start is not a known command: daprdockrcmd scale SERVICE=N",
    "help -d": "'-d' is not a known flag: -help lists them all",
    "import -p shop compose.yaml": "'-p' is not a known flag: -help lists them all",
    "help up": "up is not a known command: daprdockrcmd apply -f FILE",
    "-del app.c2": "'app.c2' has no use with -del: write -del -svc 'app.c2'",
    "-del app": "'app' has no use with -del: write -del -svc <service>.<group>",
    "-get web.myapp": "'web.myapp' has no use with -get: write -get -svc 'web.myapp'",
    "-image x -set web": "'web' has no use with -set: write -set -svc <service>.<group>",
    "exec 1.redis.shop wc -l /data/starts": "'-l' is not a known flag: write -- before the command",
    "job run report.shop --day x": "'--day' is not a known flag: write -- before the arguments",
    "exec 1.db.shop mysql -h db": "'-h' stands behind 'mysql': write -- before the command",
    "-etcd http://a:1 exec -it 1.db.shop -v ls -t": "'-t' stands behind 'ls': write -- before the command",
    "job run report.shop day -v": "'-v' stands behind 'day': write -- before the arguments",
    "exec 1.db.shop -- ls caf\udce9": r"'caf\udce9' holds half a character: write all of it in UTF-8",
    "job run report.shop -- \udcff": "holds half a character",
    "logs web.shop -grep \udcff": "holds half a character",
    "job ls --day x": "'--day' is not a known flag: -help lists them all",
    "ps -z exec": "'-z' is not a known flag: -help lists them all",
}


def read(line: str, **environment: str) -> Request:
    return read_request(line.split(), environment)


class ReadTests(SynchronousTestCase):
    """Command lines that are requests."""

    def test_nothing(self) -> None:
        """An empty command line gets every definition, from the endpoints of the contract."""
        request = read("")
        self.assertEqual((request.command, request.service), ("get", None))
        assert request.access is not None
        self.assertEqual([endpoint.port for endpoint in request.access.endpoints], [5001, 5002, 5003])

    def test_seed_flags(self) -> None:
        """The flags of old say what to set; those that are absent say nothing."""
        request = read("-svc web.myapp -set=1 -image x -instances=3 --http-host a --http-port 80 -v")
        self.assertEqual((request.command, request.service, request.verbose), ("set", WEB, True))
        self.assertEqual(request.changes, {"image": "x", "instances": "3", "http-host": "a", "http-port": "80"})

    def test_false_action(self) -> None:
        """An action that is false was not asked for."""
        self.assertEqual(read("-set=false -del=0 -svc web.myapp").command, "get")

    def test_stdin_sets(self) -> None:
        """Reading stdin is setting, said or not; neither needs the service's name."""
        for line in ("-stdin", "-set -stdin"):
            request = read(line)
            self.assertEqual((request.command, request.stdin, request.service), ("set", True, None))

    def test_commands(self) -> None:
        """Commands take their flags before or behind, and a service where that makes sense."""
        for line in ("ps web.myapp -o json", "-o=json ps web.myapp"):
            self.assertEqual((read(line).command, read(line).service, read(line).json), ("ps", WEB, True))
        self.assertEqual(read("wait web.myapp -timeout 5").timeout, 5)

    def test_more_words(self) -> None:
        """A revision is a number behind a service; each service of ``scale`` has its number."""
        self.assertEqual((read("rollback web.myapp 12").service, read("rollback web.myapp 12").revision), (WEB, 12))
        self.assertIsNone(read("rollback web.myapp").revision)
        self.assertEqual(read("scale web.myapp=3 api.myapp=0").numbers, {WEB: 3, API: 0})

    def test_user(self) -> None:
        """The person is the one who used sudo, or else who is logged in."""
        self.assertEqual(read("", SUDO_USER="anna", LOGNAME="root", USER="root").user, "anna")
        self.assertEqual((read("", SUDO_USER="", USER="ben").user, read("").user), ("ben", ""))

    def test_endpoints(self) -> None:
        """The flag goes before ETCD_HOSTS, which goes before the default."""
        flag = read("-etcd http://f:1", ETCD_HOSTS="http://e:1").access
        variable = read("", ETCD_HOSTS="http://e:1").access
        assert flag is not None and variable is not None
        self.assertEqual((flag.endpoints, variable.endpoints), ((EtcdEndpoint("f", 1),), (EtcdEndpoint("e", 1),)))

    def test_empty_endpoints(self) -> None:
        """An empty flag, as from a variable that is not set, is refused: the cluster of ETCD_HOSTS is not meant."""
        self.assertRaises(BadInput, read, "-etcd=", ETCD_HOSTS="http://e:1")
        error = self.assertRaises(BadInput, read, "-state-dir=", DAPRDOCKR_STATE_DIR="/var/lib/daprdockr")
        self.assertIn("-state-dir is empty", str(error))

    def test_prefix(self) -> None:
        """The keys lie below the prefix that is given."""
        self.assertEqual(read("-prefix /other").keys.prefix, "/other")

    def test_ip_needs_no_etcd(self) -> None:
        """The address is printed even if ETCD_HOSTS is nonsense."""
        self.assertIsNone(read("-ip", ETCD_HOSTS="ftp://").access)
        self.assertEqual(read("-ip -etcd http://e:1"), read("-ip"))

    def test_help(self) -> None:
        """Help is help, whatever stands beside it."""
        for line in ("-h", "-help", "--help", "ps -help", "-get -del -h", "help", "help ps"):
            self.assertEqual(read(line).command, "help")


class RefusedTests(SynchronousTestCase):
    """Command lines that contradict themselves, have no use, or cannot be read."""

    def test_empty(self) -> None:
        """An empty word, as of a variable that is not set, is not one that is left out; a program may be given one."""
        for line in ("pause web.shop -maintenance", "events", "secret set token", "wait"):
            error = self.assertRaises(BadInput, read_request, [*line.split(), ""], {})
            self.assertIn("an empty word names nothing", str(error), line)
        for line in ("exec 1.web.shop -- printf", "job run report.shop --"):
            self.assertEqual(read_request([*line.split(), ""], {}).words[-1], "")

    def test_many_words(self) -> None:
        """Very many words for a program take no longer than as many others."""
        began = time.process_time()
        words = [f"file-{number}" for number in range(10_000)]
        self.assertEqual(read_request(["exec", "1.db.shop", "ls", *words], {}).words[2:], tuple(words))
        self.assertLess(time.process_time() - began, 1.0)

    def test_each(self) -> None:
        """Each is answered with one line that names it."""
        for line, part in REFUSED.items():
            error = str(self.assertRaises(BadInput, read, line))
            self.assertIn(part, error)
            self.assertNotIn("\n", error)
