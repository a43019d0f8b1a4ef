# -*- test-case-name: tests.unit.cli.test_manual -*-
"""One example of each command that is a word, for its own help."""

from __future__ import annotations

EXAMPLES = {
    "status": "status web.myapp",
    "ps": "ps web.myapp -o json",
    "nodes": "nodes",
    "events": "events",
    "why": "why 1.web.myapp",
    "wait": "wait web.myapp -timeout 120",
    "apply": "apply -f services/ -prune myapp",
    "plan": "plan -f services/",
    "diff": "diff -f services/ -prune myapp",
    "import": "import compose.yaml -group myapp",
    "scale": "scale web.myapp=3 db.myapp=1",
    "restart": "restart web.myapp",
    "history": "history web.myapp",
    "rollback": "rollback web.myapp 3",
    "pause": "pause web.myapp -maintenance",
    "resume": "resume web.myapp",
    "logs": "logs -f web.myapp -grep error -since 10m",
    "exec": "exec -i 1.web.myapp -- sh -c 'cat /etc/hosts'",
    "forward": "forward 8080:1.web.myapp:80",
    "secret": "secret ls",
    "file": "file ls",
    "job": "job run nightly.myapp",
    "backup": "backup > cluster.json",
    "restore": "restore < cluster.json",
    "drain": "drain host1 -wait",
    "cordon": "cordon host1",
    "uncordon": "uncordon host1",
    "trust-etcd": "trust-etcd",
    "certificates": "certificates add web.crt web.key",
    "completion": "completion bash",
}
