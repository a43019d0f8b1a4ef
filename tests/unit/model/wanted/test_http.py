"""HTTP of a definition: host names and port, and that each reads back what it writes."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.errors import BadInput
from daprdockr.model.wanted.http import Http, read_entries, write_entries

LONG_NAME = ".".join(["x" * 63] * 4)
BAD_HOST_NAMES = (
    *("", ",", "a,", "a;b", "a{b", "a}b", "a b", "a\nb", "a.com\n", "a\tb", 'a"b', "a'b", "a\\b", "a$b", "a/b", "a:80"),
    *(
        "a..b",
        ".a",
        "a..",
        "-a",
        "a-",
        "*",
        "a.*",
        "*a.com",
        "*.*.a",
        "~^a",
        "-é.com",
        "é" * 300,
        "☃.com",
        "a\udcff.com",
        "\uff41\uff1b\uff42.com",
        LONG_NAME,
        "x" * 64,
        None,
        7,
    ),
)


PORT = {"ContainerPort": "80"}


class HttpTests(SynchronousTestCase):
    def test_bad_host_names(self) -> None:
        """A text that is no host name is refused in one line that names the place."""
        for name in BAD_HOST_NAMES:
            error = self.assertRaises(BadInput, Http.read, {"HostName": name, "ContainerPort": 80}, "Http")
            self.assertTrue(str(error).startswith("Http.HostName"), str(error))
            self.assertTrue(str(error).isprintable(), str(error))

    def test_several_host_names(self) -> None:
        """Host names come by comma, in any case, each once."""
        http = Http.read({"HostName": "B.com, *.a.org,b.com", "ContainerPort": "8080"}, "Http")
        self.assertEqual(http, Http(host_names=("b.com", "*.a.org"), container_port=8080))
        self.assertEqual(Http.read(http.write(), "Http"), http)

    def test_one_spelling(self) -> None:
        """Capitals, a dot at the end and letters beyond ASCII make no other name; underscores stay."""
        http = Http.read({"HostName": "EXAMPLE.com., example.com,*.Bücher.example,my_app.example.com", **PORT}, "Http")
        self.assertEqual(http.host_names, ("example.com", "*.xn--bcher-kva.example", "my_app.example.com"))
        self.assertEqual(Http.read(http.write(), "Http"), http)

    def test_many_host_names(self) -> None:
        """A definition of 200 kB of host names has too many of them, or can be used."""
        many = ",".join(f"n{number}.example.com" for number in range(10_000))
        self.assertEqual(len(Http.read({"HostName": many, **PORT}, "Http").host_names), 10_000)
        error = self.assertRaises(BadInput, Http.read, {"HostName": "a.b," * 50_000, **PORT}, "Http")
        self.assertIn("write 1 to 10000 host names", str(error))

    def test_paths(self) -> None:
        """A path is kept decoded, without a slash at its end."""
        for path, kept in [
            ("/", "/"),
            ("/api", "/api"),
            ("/api/", "/api"),
            ("/a/b.c/~d", "/a/b.c/~d"),
            ("/b%C3%BCcher", "/bücher"),
            ("/bücher", "/bücher"),
            ("/a b;c=\"d'", "/a b;c=\"d'"),
            ("/...", "/..."),
            ("/" + 127 * "é", "/" + 127 * "é"),
        ]:
            http = Http.read({"HostName": "a.b", "Path": path, "StripPath": True, **PORT}, "Http")
            self.assertEqual((http.path, http.strip_path), (kept, True))
            self.assertEqual(Http.read(http.write(), "Http"), http)

    def test_bad_paths(self) -> None:
        """A path that nginx would never compare with is refused in one line."""
        odd = ("//", "/a//b", "/a//", "/.", "/..", "/a/../b", "/./a", "/a%2f%2fb", "/%2e%2e/a", "/a%2F..")
        for path in (
            *odd,
            "",
            "a",
            "*",
            "/a?b",
            "/a#b",
            "/a\\b",
            "/a\nb",
            "/a\0",
            "/%00",
            "/%",
            "/%25",
            "/%ff",
            "/\ud800",
            "/" + 128 * "é",
            7,
        ):
            error = self.assertRaises(BadInput, Http.read, {"HostName": "a.b", "Path": path, **PORT}, "Http")
            self.assertTrue(str(error).startswith("Http.Path: "), str(error))
            self.assertTrue(str(error).isprintable(), str(error))

    def test_entries(self) -> None:
        """There may be several entries; one is written as an object, as it is read."""
        one, other = {"HostName": "a.b", **PORT}, {"HostName": "a.b", "Path": "/api", "ContainerPort": "81"}
        for given, written in [(one, one), ([one], one), ([one, other], [one, other])]:
            entries = read_entries(given, "Http")
            self.assertEqual(write_entries(entries), written)
            self.assertEqual(read_entries(written, "Http"), entries)
        self.assertEqual(read_entries([], "Http"), ())

    def test_bad_entries(self) -> None:
        """Of several entries the bad one is named; two must not claim the same path of a host name."""
        one = {"HostName": "a.b,c.d", **PORT}
        for given, said in [
            ([one, {"HostName": "x.y"}], "Http[1].ContainerPort is missing"),
            ([one, 7], "Http[1]: 7 is not usable"),
            ([one, {**one, "Path": "/x"}, {"HostName": "C.D.", **PORT}], "Http[2] claims c.d/, as Http[0] does"),
            ([one] * 101, "Http has 101 entries, write at most 100"),
            (
                [{"HostName": f"{','.join(f'{n}.{i}.c' for i in range(6000))}", **PORT} for n in "ab"],
                "12000 host names",
            ),
        ]:
            error = self.assertRaises(BadInput, read_entries, given, "Http")
            self.assertIn(said, str(error))

    def test_bad_ports(self) -> None:
        """A port outside 1 to 65535 is refused."""
        for port in (0, 65536, "x", "", True, None):
            self.assertRaises(BadInput, Http.read, {"HostName": "a.b", "ContainerPort": port}, "Http")
