"""Tell Twisted of ``twistd daprdockr``; every ``twistd`` on the host loads this file, so it imports nothing of ours."""

from twisted.application.service import ServiceMaker

daprdockr = ServiceMaker(
    "daprdockr",
    "daprdockr.tap",
    "Run this host's share of a cluster's container services.",
    "daprdockr",
)
