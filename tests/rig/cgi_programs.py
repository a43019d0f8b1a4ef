"""Programs of containers that answer requests under ``/cgi-bin``, some of them slowly, and end in different ways."""

from __future__ import annotations

SERVE = """
mkdir -p /www/cgi-bin
cat >/www/cgi-bin/quick <<'END'
#!/bin/sh
head -c "${CONTENT_LENGTH:-0}" >/dev/null
printf 'Content-Type: text/plain\\r\\n\\r\\nanswered'
END
sed 's/^head/sleep 0.3; head/' /www/cgi-bin/quick >/www/cgi-bin/slow
chmod +x /www/cgi-bin/quick /www/cgi-bin/slow
httpd -f -p 8080 -h /www &
"""
HASTY = f"trap 'exit 0' TERM\n{SERVE}\nwait"
STUBBORN = f"trap '' TERM\n{SERVE}\nwhile :; do wait; done"
