"""Exceptions of docker-py become errors of ours."""

from __future__ import annotations

from docker.errors import APIError, DockerException, ImageNotFound, NotFound
from requests import ConnectionError, ReadTimeout, Response
from twisted.trial.unittest import SynchronousTestCase
from urllib3.exceptions import ProtocolError

from daprdockr.engine.failures import asking, classed, pull_failure
from daprdockr.model.errors import (
    ContainerAbsent,
    EngineError,
    EngineFailed,
    EngineRefused,
    EngineSilent,
    EngineUnavailable,
    ImageAbsent,
    ImageRefused,
    NameTaken,
    PortTaken,
    PullFailed,
)


def answer(status: int, explanation: str, kind: type[APIError] = APIError) -> APIError:
    """As docker-py raises for an answer of the Engine."""
    response = Response()
    response.status_code = status
    return kind("refused", response=response, explanation=explanation)


class ClassedTests(SynchronousTestCase):
    """``classed`` and ``asking``."""

    def test_kinds(self) -> None:
        """Each foreign error has one meaning."""
        errors: list[tuple[Exception, type[EngineError]]] = [
            (answer(404, "No such image: web:1", ImageNotFound), ImageAbsent),
            (answer(404, "No such container: web", NotFound), ContainerAbsent),
            (answer(404, "network backend not found", NotFound), EngineRefused),
            (answer(400, "Minimum memory limit allowed is 6MB"), EngineRefused),
            (answer(409, "Conflict. The name is in use"), EngineRefused),
            (answer(409, 'Conflict. The container name "/web" is already in use by container "c0ffee".'), NameTaken),
            (answer(500, "failed to create task"), EngineFailed),
            (answer(503, "the daemon is shutting down"), EngineUnavailable),
            (answer(500, "grpc: the client connection is closing: context canceled"), EngineUnavailable),
            (answer(500, "failed to update store for object type *libnetwork.endpoint: open : no"), EngineUnavailable),
            (DockerException("Error while fetching server API version"), EngineUnavailable),
            (ConnectionError("Connection aborted"), EngineUnavailable),
            (ReadTimeout("timed out"), EngineSilent),
            (ProtocolError("Connection broken"), EngineUnavailable),
            (BrokenPipeError(32, "Broken pipe"), EngineUnavailable),
        ]
        for error, kind in errors:
            with self.assertRaises(kind) as caught, asking("start web"):
                raise error
            self.assertIs(type(caught.exception), kind)
            self.assertIs(caught.exception.__cause__, error)

    def test_unreached(self) -> None:
        """An Engine that is not there is described with what to do, and without the names of Python's exceptions."""
        for reason, remedy in (
            (FileNotFoundError(2, "No such file or directory"), "no such socket: start Docker, or correct its address"),
            (ConnectionRefusedError(111, "Connection refused"), "nothing listens there: start Docker, or correct"),
            (PermissionError(13, "Permission denied"), "may not use its socket: run the agent as root"),
        ):
            nested = DockerException(f"Error while fetching server API version: {('Connection aborted.', reason)}")
            text = str(classed(nested, "report its version"))
            self.assertIn(remedy, text)
            self.assertNotIn("Error", text)

    def test_port_taken(self) -> None:
        """A taken host port is named first, in whichever words the Engine says it."""
        for text in (
            "driver failed programming external connectivity on endpoint pb (07ea): "
            "Bind for 0.0.0.0:18090 failed: port is already allocated",
            "driver failed programming external connectivity on endpoint pd (2edb): "
            "Error starting userland proxy: listen tcp4 0.0.0.0:18090: bind: address already in use",
            "Bind for :::18090 failed: port is already allocated",
            "Bind for fd00:0:0:8::5:18090 failed: port is already allocated",
            "failed to bind host port for [::]:18090:172.17.0.2:80/tcp: address already in use",
            "failed to set up container networking: driver failed programming external connectivity on endpoint pd "
            "(2edb): failed to bind host port 0.0.0.0:18090/tcp: address already in use",
        ):
            error = classed(answer(500, text), "start web")
            assert isinstance(error, PortTaken)
            self.assertEqual(error.port, 18090)
            self.assertTrue(str(error).startswith("port 18090 of this host is taken"), error)

    def test_ours_pass(self) -> None:
        """An error of ours, and a mistake in the code, pass as they are."""
        for error in (EngineRefused("no"), KeyError("Id")):
            with self.assertRaises(type(error)) as caught, asking("start web"):
                raise error
            self.assertIs(caught.exception, error)

    def test_one_line(self) -> None:
        """A text of many lines becomes one of bounded length."""
        text = str(classed(APIError("bad", explanation="first\n\t\x1b[31msecond " + "x" * 1000), "start web"))
        self.assertIn("first [31msecond xxx", text)
        self.assertTrue(text.isprintable(), text)
        self.assertLess(len(text), 400)


class PullFailureTests(SynchronousTestCase):
    """``pull_failure``."""

    def test_blame(self) -> None:
        """
        A fault of registry, name or credentials is a failed pull, and a refusal if the registry answered so; an Engine
        that vanished is neither.
        """
        errors: list[tuple[Exception, type[EngineError]]] = [
            (answer(404, "pull access denied for web", ImageNotFound), ImageRefused),
            (answer(404, "manifest for web:9 not found: manifest unknown", ImageNotFound), ImageRefused),
            (answer(500, "unauthorized: authentication required"), ImageRefused),
            (
                answer(
                    500,
                    "Head https://r.invalid/v2/web/manifests/1: received unexpected HTTP status: 403 Forbidden: Denied",
                ),
                ImageRefused,
            ),
            (answer(500, "error parsing HTTP 401 response body: Unauthorized"), ImageRefused),
            (answer(429, "toomanyrequests: You have reached your pull rate limit"), PullFailed),
            (answer(500, "Get https://web.invalid/v2/: received unexpected HTTP status: 502 Bad Gateway"), PullFailed),
            (answer(500, "Get https://registry.invalid/v2/: no such host"), PullFailed),
            (DockerException("Credentials store error"), PullFailed),
            (ReadTimeout("timed out"), PullFailed),
            (ConnectionError("Connection aborted"), EngineUnavailable),
        ]
        for error, kind in errors:
            self.assertIs(type(pull_failure(error, "web:1")), kind)

    def test_same_text(self) -> None:
        """The text is the same at each attempt, though our side has another port each time."""
        text = "dial tcp: lookup r.invalid on 10.0.0.53:53: read udp 10.0.0.3:{port}->10.0.0.53:53: i/o timeout"
        said = {str(pull_failure(answer(500, text.format(port=port)), "web:1")) for port in (40001, 40002)}
        self.assertEqual(said, {"'web:1' could not be pulled: dial tcp: lookup r.invalid on 10.0.0.53:53: i/o timeout"})
