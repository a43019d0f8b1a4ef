"""The one page of help."""

TEXT = """\
Usage: daprdockrcmd [-get] [-svc SERVICE]          print a definition, or a list of all
       daprdockrcmd -set -svc SERVICE FLAGS...     change a definition, or make one
       daprdockrcmd -stdin [-svc SERVICE] [FLAGS]  store the definition read from stdin
       daprdockrcmd -del -svc SERVICE              delete a service
       daprdockrcmd -ip                            print what --host of an agent here defaults to
       daprdockrcmd COMMAND                        see below

SERVICE is <service>.<group>, as in web.myapp.

Flags, with one dash or two; -flag=value and -flag=false work too:
  -image IMAGE       image to run
  -instances N       how many instances
  -cmd WORDS         command, split as a shell does; '' for the image's own
  -http-host NAMES   HTTP host names by comma that lead to the service
  -http-port PORT    container port that they lead to
  -v                 on an error print the traceback too
  -help              print this and exit

Commands:
  status             services: wanted, running and healthy instances
  ps [SERVICE]       instances: where they are and how they are
  nodes              nodes: addresses, labels, load
  events             what the agents told lately
  wait [SERVICE]     wait until all wanted instances run, healthy and up to date
  drain NODE         move the node's instances to others, one of each service at a time
  uncordon NODE      let the node take instances again
  -o table|json      how status, ps, nodes, events, drain and uncordon print
  -wait              let drain tell its progress and end when nothing is left that can leave
  -timeout SECONDS   how long wait and drain -wait wait (default 60)

Reaching etcd:
  -etcd URLS         endpoints by comma (env ETCD_HOSTS; default
                     http://localhost:5001,http://localhost:5002,http://localhost:5003)
  -prefix KEY        root of the keys (default /daprdockr)
  -etcd-ca FILE      certificate authority of https:// endpoints
  -etcd-cert FILE    own certificate, with -etcd-key FILE
  -etcd-user NAME    with -etcd-password-file FILE

Exit status: 0 done, 1 failed, 2 wrong usage, 3 not found, 4 timed out.
"""
