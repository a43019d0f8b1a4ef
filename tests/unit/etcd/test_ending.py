"""Why an etcd ended: lines that etcd 3.4 wrote."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.etcd.ending import reason_in

PREALLOCATE = (
    '{"level":"warn","ts":"2026-12-01T16:53:54.002Z","caller":"wal/wal.go:151","msg":"failed to preallocate an initial'
    ' WAL file","path":"/x","segment-bytes":64000000,"error":"no space left on device"}'
)
PANIC = (
    '{"level":"panic","ts":"2026-12-01T16:53:54.003Z","caller":"etcdserver/raft.go:513","msg":"failed to create WAL",'
    '"error":"no space left on device","stacktrace":"go.etcd.io/etcd/etcdserver.startNode\\n\\tgo.etcd.io"}'
)
TRACE = "panic: failed to create WAL\n\ngoroutine 1 [running]:\ngo.uber.org/zap/zapcore.CheckWriteAction.OnWrite({0x0})"


class ReasonTests(SynchronousTestCase):
    """``reason_in``."""

    def test_panic(self) -> None:
        """The last line before an end says what failed, and why; the trace behind it and lines before it do not."""
        told = "\n".join((PREALLOCATE, PANIC, TRACE))
        self.assertEqual(reason_in(told), "failed to create WAL: no space left on device")

    def test_killed(self) -> None:
        """One that was killed wrote nothing of it."""
        self.assertEqual(
            [reason_in(told) for told in ("", PREALLOCATE, "2026-12-01 W | pkg/fileutil: check")], [""] * 3
        )

    def test_strange(self) -> None:
        """A line that is cut off, or has something else in it, gives no reason."""
        for told in (PANIC[:50], '{"level":"fatal"}', '{"level":"fatal","msg":7,"error":""}', "{}", '{"level":[]}'):
            self.assertEqual(reason_in(told), "")
