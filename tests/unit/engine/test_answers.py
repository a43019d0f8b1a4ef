"""The Docker Engine's answers become values."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.engine import answers
from daprdockr.model.errors import BadInput
from daprdockr.model.host import Image, Port, Status


def inspected(**changes: Any) -> dict[str, Any]:
    """An answer of Engine 20.10 to ``ContainerInspect``, as far as it is read; ``changes`` replace whole members."""
    answer: dict[str, Any] = {
        "Id": "6bcc5c8d",
        "Name": "/1.web.myapp-abc123",
        "State": {
            "Status": "running",
            "Running": True,
            "OOMKilled": False,
            "ExitCode": 0,
            "Error": "",
            "StartedAt": "2026-11-22T13:23:41.346289433Z",
            "FinishedAt": "0001-01-01T00:00:00Z",
        },
        "Config": {
            "StopTimeout": 3,
            "Labels": {
                "io.daprdockr.node": "n1",
                "io.daprdockr.instance": "1.web.myapp",
                "io.daprdockr.definition": "abc123",
                "io.daprdockr.cluster": "ff",
                "io.daprdockr.revision": "42",
            },
        },
        "HostConfig": {"PortBindings": {"8080/tcp": [{"HostIp": "", "HostPort": "18090"}]}},
        "NetworkSettings": {
            "Ports": {"8080/tcp": [{"HostIp": "0.0.0.0", "HostPort": "18090"}, {"HostIp": "::", "HostPort": "18090"}]},
            "Networks": {"bridge": {"IPAddress": "172.17.0.2", "GlobalIPv6Address": "", "EndpointID": "dfc1"}},
        },
    }
    return {**answer, **changes}


def labelled(**labels: str) -> dict[str, Any]:
    config = inspected()["Config"]
    return inspected(Config={**config, "Labels": {**config["Labels"], **labels}})


class ContainerStateTests(SynchronousTestCase):
    """``container_state``."""

    def test_running(self) -> None:
        """A running container is read whole."""
        state = answers.container_state(inspected())
        self.assertEqual(
            (state.id, state.name, str(state.instance), state.definition, state.status),
            ("6bcc5c8d", "1.web.myapp-abc123", "1.web.myapp", "abc123", Status.RUNNING),
        )
        self.assertEqual((state.cluster, state.revision, state.stop_timeout), (255, 42, 3))
        self.assertEqual(state.on_partition, "keep")
        self.assertEqual(state.ports, (Port(container=8080, host=18090),))
        self.assertEqual((state.address, state.health, state.finished), ("172.17.0.2", "", 0.0))
        self.assertAlmostEqual(state.started, 1795353821.346289, places=5)

    def test_volumes(self) -> None:
        """Volumes that the Engine keeps itself are known by name, and no other mounts."""
        mounts = [
            {"Type": "volume", "Name": "logs", "Driver": "local", "Destination": "/logs"},
            {"Type": "volume", "Name": "data", "Driver": "local", "Destination": "/data"},
            {"Type": "volume", "Name": "far", "Driver": "sshfs", "Destination": "/far"},
            {"Type": "bind", "Source": "/etc", "Destination": "/etc"},
        ]
        self.assertEqual(answers.container_state(inspected(Mounts=mounts)).volumes, ("data", "logs"))
        self.assertEqual(answers.container_state(inspected(Mounts=None)).volumes, ())

    def test_made_as(self) -> None:
        """A container that does not have the name its label states shows it; without the label that is the old form."""
        for stated, shown in [("1.web.myapp-abc123", ""), ("1.web.myapp-abc123-x", "1.web.myapp-abc123-x")]:
            state = answers.container_state(labelled(**{"io.daprdockr.name": stated}))
            self.assertEqual((state.made_as, state.mark), (shown, stated))
        self.assertEqual(answers.container_state(inspected()).made_as, "")
        copy = answers.container_state(inspected(Name="/copy"))
        self.assertEqual((copy.name, copy.made_as), ("copy", "1.web.myapp-abc123"))

    def test_on_partition(self) -> None:
        """The label of a container states its behaviour without its lease."""
        state = answers.container_state(labelled(**{"io.daprdockr.on-partition": "stop"}))
        self.assertEqual(state.on_partition, "stop")

    def test_stated_check(self) -> None:
        """The label of a container states the check that came with its definition; an older agent writes none."""
        self.assertEqual(
            answers.container_state(labelled(**{"io.daprdockr.health": '{"Type":"tcp"}'})).check, '{"Type":"tcp"}'
        )
        self.assertEqual(answers.container_state(inspected()).check, "")

    def test_failed_start(self) -> None:
        """An address that a failed start left behind is not reported."""
        state = answers.container_state(
            inspected(State={"Status": "created", "Running": False, "ExitCode": 128, "Error": "port is taken"})
        )
        self.assertEqual((state.status, state.exit_code, state.error), (Status.CREATED, 128, "port is taken"))
        self.assertEqual((state.address, state.started), ("", 0.0))

    def test_engine_was_ending(self) -> None:
        """A start that failed because the Engine was about to end is no fault of the container."""
        for text in (
            "failed to update store for object type *libnetwork.endpoint: x",
            "grpc: the client connection is closing",
            "transport is closing: unavailable",
            f"task {64 * 'a'}: already exists",
        ):
            state = answers.container_state(inspected(State={"Status": "exited", "ExitCode": 143, "Error": text}))
            self.assertEqual((state.status, state.error), (Status.EXITED, ""))

    def test_health(self) -> None:
        """The verdict of a HEALTHCHECK is reported; "none" is no verdict."""
        for verdict, told in [("starting", "starting"), ("healthy", "healthy"), ("none", "")]:
            answer = inspected(State={"Status": "running", "Running": True, "Health": {"Status": verdict}})
            self.assertEqual(answers.container_state(answer).health, told)

    def test_complaint(self) -> None:
        """The last line of the last HEALTHCHECK that failed is there, made printable; it makes no other state."""
        found = []
        for outputs in (
            [],
            [(0, "fine")],
            [(1, "first"), (1, "usage\n\x1b[1mno such\x07 option\n"), (0, "fine")],
            [(1, "")],
        ):
            log = [{"ExitCode": status, "Output": output} for status, output in outputs]
            health = {"Status": "unhealthy", "Log": log}
            found.append(answers.container_state(inspected(State={"Status": "running", "Health": health})))
        self.assertEqual([one.complaint for one in found], ["", "", "no such option", ""])
        self.assertEqual(len(set(found)), 1)

    def test_address_of_other_network(self) -> None:
        """Without an IPv4 address the IPv6 address counts, and networks without any are passed over."""
        networks = {"a": {"IPAddress": ""}, "b": {"IPAddress": "", "GlobalIPv6Address": "2001:db8::2"}}
        answer = inspected(NetworkSettings={"Ports": {}, "Networks": networks})
        self.assertEqual(answers.container_state(answer).address, "2001:db8::2")

    def test_no_stop_timeout(self) -> None:
        """A container without a stop timeout of its own has the Engine's ten seconds."""
        answer = inspected(Config={**inspected()["Config"], "StopTimeout": None})
        self.assertEqual(answers.container_state(answer).stop_timeout, 10)

    def test_unreadable(self) -> None:
        """Labels and statuses that make no sense are refused, by name where there is one."""
        unreadable = [
            labelled(**{"io.daprdockr.instance": "web"}),
            labelled(**{"io.daprdockr.cluster": "zz"}),
            labelled(**{"io.daprdockr.revision": ""}),
            inspected(State={"Status": "hibernating"}),
            inspected(Config={"Labels": None}),
        ]
        for answer in unreadable:
            with self.assertRaises(BadInput):
                answers.container_state(answer)


class PublishedPortsTests(SynchronousTestCase):
    """``published_ports``."""

    def ports(self, wanted: dict[str, Any] | None, actual: dict[str, Any] | None = None) -> tuple[Port, ...]:
        return answers.published_ports(
            {"HostConfig": {"PortBindings": wanted}, "NetworkSettings": {"Ports": actual or {}}}
        )

    def test_fixed(self) -> None:
        """A port we chose is known while the container does not run."""
        self.assertEqual(self.ports({"53/udp": [{"HostPort": "5353"}]}), (Port(53, "udp", 5353),))

    def test_two_families(self) -> None:
        """Where the numbers for IPv4 and IPv6 differ, the one for IPv4 counts, in whatever order they come."""
        actual = [{"HostIp": "::", "HostPort": "32769"}, {"HostIp": "0.0.0.0", "HostPort": "32768"}]
        self.assertEqual(self.ports({"80/tcp": [{"HostPort": ""}]}, {"80/tcp": actual}), (Port(80, "tcp", 32768),))

    def test_not_chosen(self) -> None:
        """A port left to the Engine has no number before the container runs."""
        for wanted in ([{"HostPort": "0"}], [{"HostPort": ""}], [], None):
            self.assertEqual(self.ports({"80/tcp": wanted}), (Port(80, "tcp", 0),))

    def test_none(self) -> None:
        """A container that publishes nothing has no ports, though it may expose some."""
        self.assertEqual(self.ports(None, {"80/tcp": None}), ())


class FingerprintTests(SynchronousTestCase):
    """``fingerprint``."""

    def summary(self, state: str = "running", status: str = "Up 5 minutes", endpoint: str = "dfc1") -> dict[str, Any]:
        networks = {"bridge": {"EndpointID": endpoint}}
        return {"State": state, "Status": status, "NetworkSettings": {"Networks": networks}}

    def test_age(self) -> None:
        """Growing older changes nothing."""
        self.assertEqual(
            answers.fingerprint(self.summary(status="Exited (1) 5 minutes ago")),
            answers.fingerprint(self.summary(status="Exited (1) About an hour ago")),
        )

    def test_changes(self) -> None:
        """A start, an end, another exit code and a verdict each give another fingerprint."""
        summaries = [
            self.summary(),
            self.summary(endpoint="9fa3"),
            self.summary(status="Up 5 minutes (healthy)"),
            self.summary(status="Up 5 minutes (health: starting)"),
            self.summary("paused", "Up 5 minutes (Paused)"),
            self.summary("exited", "Exited (1) 5 minutes ago", ""),
            self.summary("exited", "Exited (137) 5 minutes ago", ""),
            self.summary("created", "Created", ""),
        ]
        self.assertEqual(len({answers.fingerprint(summary) for summary in summaries}), len(summaries))


class ImageTests(SynchronousTestCase):
    """``image``."""

    def test_odd_forms(self) -> None:
        """Ranges and capitals are read, and what is no port names none."""
        forms = [
            "80",
            "53/UDP",
            "8000-8002/tcp",
            " 9/sctp ",
            "",
            "/tcp",
            "x",
            "70000",
            "0",
            "80/tcp/udp",
            "9-1",
            "1-x",
            "٣",
        ]
        found = answers.image({"Id": "i", "Config": {"ExposedPorts": {key: {} for key in forms}}}).exposed
        expected = [Port(9, "sctp"), Port(53, "udp"), Port(80), Port(8000), Port(8001), Port(8002)]
        self.assertEqual(list(found), expected)

    def test_exposed(self) -> None:
        """Exposed ports are listed in order."""
        config: dict[str, Any] = {"ExposedPorts": {"8080/tcp": {}, "53/udp": {}}}
        expected = Image(id="sha256:1", exposed=(Port(53, "udp"), Port(8080)))
        self.assertEqual(answers.image({"Id": "sha256:1", "Config": config}), expected)

    def test_plain(self) -> None:
        """An image may expose none."""
        answer = {"Id": "sha256:1", "Config": {"ExposedPorts": None}}
        self.assertEqual(answers.image(answer), Image(id="sha256:1"))
        self.assertEqual(answers.image({"Id": "sha256:1"}), Image(id="sha256:1"))

    def test_digest(self) -> None:
        """The digest is that of the reference's own repository: a mirror may know the image under another one."""
        told = {"Id": "i", "RepoDigests": ["mirror:5000/web@sha256:b", "shop/web@sha256:a"]}
        for reference, digest in (("shop/web:1", "sha256:a"), ("mirror:5000/web:1", "sha256:b"), ("web:1", "")):
            self.assertEqual(answers.image(told, reference).digest, digest)
        self.assertEqual(answers.image({"Id": "i", "RepoDigests": None}, "web:1").digest, "")

    def test_digest_of_full_name(self) -> None:
        """An Engine lists an image of Docker Hub by its short name, however it was asked for."""
        told = {"Id": "i", "RepoDigests": ["web@sha256:a", "shop/web@sha256:b"]}
        for reference, digest in (
            ("docker.io/library/web:1", "sha256:a"),
            ("library/web", "sha256:a"),
            ("index.docker.io/shop/web:1", "sha256:b"),
            ("docker.io/shop/web@sha256:" + "c" * 64, "sha256:b"),
            ("quay.io/shop/web:1", ""),
        ):
            self.assertEqual(answers.image(told, reference).digest, digest)


class EpochSecondsTests(SynchronousTestCase):
    """``epoch_seconds``."""

    def test_times(self) -> None:
        """Nanoseconds and other zones are read; the Engine's zero is 0.0."""
        times = {
            "1970-01-01T00:00:01.500000001Z": 1.5,
            "1970-01-01T01:00:01+01:00": 1.0,
            "0001-01-01T00:00:00Z": 0.0,
            "": 0.0,
        }
        self.assertEqual({text: answers.epoch_seconds(text) for text in times}, times)
