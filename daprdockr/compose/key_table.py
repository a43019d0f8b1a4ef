# -*- test-case-name: tests.unit.compose.test_keys -*-
"""
The keys of the Compose specification, a line each: its path, and where it goes, or why not and what to do instead.

``*`` is a name of the file's own, ``[]`` an item of a list. ``keys`` reads it.
"""

SUPPORTED = """
version | no effect, as with Compose
services | a definition each
include | the files are read, each with its own directory and ``.env``
include[].path | one file, or several that are merged
include[].env_file | the variables of that file
include[].project_directory | where its relative paths begin
services.*.blkio_config.weight | ``Container.BlkioWeight``
services.*.cap_add | ``Container.CapAdd``; nodes have to allow it: ``--allow capabilities``
services.*.cap_drop | ``Container.CapDrop``
services.*.cgroup | ``Container.CgroupnsMode``; ``host`` needs ``--allow host-namespaces``
services.*.cgroup_parent | ``Container.CgroupParent``; needs ``--allow runtime``
services.*.command | ``Container.Cmd``; a text is split as a shell does
services.*.cpu_period | ``Container.CpuPeriod``
services.*.cpu_quota | ``Container.CpuQuota``
services.*.cpu_shares | ``Container.CpuShares``
services.*.cpus | ``Container.NanoCpus``
services.*.cpuset | ``Container.CpusetCpus``
services.*.deploy.placement.constraints | see `Placement`_
services.*.deploy.replicas | ``Instances``
services.*.deploy.resources.limits.cpus | ``Container.NanoCpus``
services.*.deploy.resources.limits.memory | ``Container.Memory``
services.*.deploy.resources.limits.pids | ``Container.PidsLimit``
services.*.deploy.resources.reservations.memory | ``Container.MemoryReservation``
services.*.deploy.update_config.failure_action | ``Update.OnFailure``: ``rollback`` is ``revert``, ``pause`` the same
services.*.deploy.update_config.order | ``Update.Order``
services.*.deploy.update_config.parallelism | ``Update.Parallelism``; 0 is all at once
services.*.device_cgroup_rules | ``Container.DeviceCgroupRules``; needs ``--allow host-devices``
services.*.devices | ``Container.Devices``; needs ``--allow host-devices``
services.*.devices[].source | the device of the host
services.*.devices[].target | its path in the container
services.*.devices[].permissions | ``rwm`` where nothing is said
services.*.dns | ``Container.Dns``; refused if the service needs others: the node's resolver knows their names
services.*.dns_opt | ``Container.DnsOptions``
services.*.dns_search | ``Container.DnsSearch``, behind the domain of the group
services.*.domainname | ``Container.Domainname``
services.*.entrypoint | ``Container.Entrypoint``; a text is split as a shell does
services.*.env_file | read, below ``environment`` in ``Container.Env``; with ``path``, ``required`` and ``format``
services.*.environment | ``Container.Env``; a name without a value gets it from the variables
services.*.extends | resolved
services.*.extends.file | read; its relative paths begin at its directory
services.*.extends.service | merged below the service
services.*.extra_hosts | ``Container.ExtraHosts``
services.*.gpus | ``Container.DeviceRequests``; needs ``--allow host-devices``
services.*.gpus[].capabilities | with ``gpu``
services.*.gpus[].count | ``all`` where nothing is said
services.*.gpus[].device_ids | as they are
services.*.gpus[].driver | as it is
services.*.gpus[].options | as they are
services.*.deploy.resources.reservations.devices | ``Container.DeviceRequests``; needs ``--allow host-devices``
services.*.deploy.resources.reservations.devices[].capabilities | as they are
services.*.deploy.resources.reservations.devices[].count | ``all`` where nothing is said
services.*.deploy.resources.reservations.devices[].device_ids | as they are
services.*.deploy.resources.reservations.devices[].driver | as it is
services.*.deploy.resources.reservations.devices[].options | as they are
services.*.group_add | ``Container.GroupAdd``
services.*.hostname | ``Container.Hostname``, the same for all instances
services.*.image | ``Container.Image``
services.*.init | ``Container.Init``
services.*.ipc | ``Container.IpcMode``; ``host`` needs ``--allow host-namespaces``
services.*.label_file | read, below ``labels`` in ``Container.Labels``
services.*.labels | ``Container.Labels``
services.*.logging.driver | ``Container.LogConfig``; some drivers need ``--allow log-drivers``
services.*.logging.options | ``Container.LogConfig``
services.*.mem_limit | ``Container.Memory``
services.*.mem_reservation | ``Container.MemoryReservation``
services.*.mem_swappiness | ``Container.MemorySwappiness``
services.*.memswap_limit | ``Container.MemorySwap``
services.*.oom_kill_disable | ``Container.OomKillDisable``; needs ``--allow runtime``
services.*.oom_score_adj | ``Container.OomScoreAdj``; a negative one needs ``--allow runtime``
services.*.pid | ``Container.PidMode``; ``host`` needs ``--allow host-namespaces``
services.*.pids_limit | ``Container.PidsLimit``
services.*.privileged | ``Container.Privileged``; needs ``--allow privileged``
services.*.profiles | a service is left out unless ``-profile`` or ``COMPOSE_PROFILES`` names one of them
services.*.read_only | ``Container.ReadonlyRootfs``
services.*.runtime | ``Container.Runtime``; needs ``--allow runtime``
services.*.scale | ``Instances``
services.*.security_opt | ``Container.SecurityOpt``; others than ``no-new-privileges`` need ``--allow security-opt``
services.*.shm_size | ``Container.ShmSize``
services.*.stdin_open | ``Container.OpenStdin``
services.*.stop_grace_period | ``StopTimeout``, in whole seconds
services.*.stop_signal | ``Container.StopSignal``
services.*.storage_opt | ``Container.StorageOpt``
services.*.sysctls | ``Container.Sysctls``
services.*.tmpfs | ``Container.Tmpfs``
services.*.tty | ``Container.Tty``
services.*.ulimits | ``Container.Ulimits``
services.*.ulimits.*.hard | the hard limit
services.*.ulimits.*.soft | the soft limit
services.*.user | ``Container.User``
services.*.userns_mode | ``Container.UsernsMode``; ``host`` needs ``--allow host-namespaces``
services.*.uts | ``Container.UTSMode``; ``host`` needs ``--allow host-namespaces``
services.*.volumes[].read_only | ``:ro``
services.*.volumes[].source | the volume, or the directory of the host
services.*.volumes[].target | the path in the container
services.*.volumes[].tmpfs.mode | ``Container.Tmpfs``
services.*.volumes[].tmpfs.size | ``Container.Tmpfs``
services.*.volumes[].volume.nocopy | ``Container.Mounts``
services.*.working_dir | ``Container.WorkingDir``
volumes | see `Volumes`_
volumes.*.driver | ``Container.Mounts``; others than ``local`` need ``--allow volume-drivers``
volumes.*.driver_opts | ``Container.Mounts``; needs ``--allow binds``
volumes.*.external | the name is used as it is
volumes.*.external.name | the same as ``name``
volumes.*.name | the name is used as it is
configs | see `Configs and secrets`_
configs.*.content | ``Files.Content``
configs.*.environment | ``Files.Content``, with the value that the variable has now
configs.*.external | ``Files.Name``, stored by ``daprdockrcmd file set``
configs.*.external.name | the same as ``name``
configs.*.name | ``Files.Name`` of an external one
secrets | see `Configs and secrets`_
secrets.*.external | ``Secrets.Name``, stored by ``daprdockrcmd secret set``
secrets.*.external.name | the same as ``name``
secrets.*.name | ``Secrets.Name``
networks.*.name | networks are not made, see `Names and networks`_
networks.*.external | the same
networks.*.attachable | the same
networks.*.enable_ipv4 | the same
networks.*.labels | the same
networks.*.external.name | the same
services.*.deploy.labels | labels of the service, which nothing reads; ``Container.Labels`` come from ``labels``
"""

MAPPED = """
name | ``Group``, where ``-group`` gives none; an underscore becomes a hyphen
networks | there is one network, on which all services reach each other, see `Names and networks`_
configs.*.file | ``Files.Content``; above 64 KiB, or if it is no text, ``daprdockrcmd file set`` has to store it
secrets.*.file | ``Secrets.Name``; ``daprdockrcmd secret set`` has to store the value
secrets.*.environment | ``Secrets.Name``; ``daprdockrcmd secret set`` has to store the value
services.*.build | ``image`` is used, or ``<project>-<service>``: build it, and push it to where nodes pull
services.*.configs | ``Files``, read-only
services.*.configs[].source | the config
services.*.configs[].target | ``Files.Target``
services.*.configs[].mode | ``Files.Mode``
services.*.depends_on | ``After``: the first start waits until they are healthy
services.*.depends_on.*.condition | each waits for health; ``service_completed_successfully`` makes the other one a job
services.*.depends_on.*.required | one that is not required and not there is left out
services.*.deploy.endpoint_mode | names give all healthy instances, which is ``dnsrr``; ``vip`` is left out: use a route
services.*.deploy.mode | ``global`` is ``Placement.OnePerNode``, but ``Instances`` is yours; a job is ``Schedule``
services.*.deploy.placement.max_replicas_per_node | 1 is ``Placement.OnePerNode``; more is left out
services.*.deploy.restart_policy.condition | containers are always started again; ``none`` is a job: ``Schedule.Once``
services.*.deploy.update_config.delay | ``Update.MinHealthy``, together with ``monitor``: the larger one
services.*.deploy.update_config.monitor | ``Update.MinHealthy``
services.*.expose | ``Tcp`` and ``Udp``: the same port of every node, see `Names and networks`_
services.*.healthcheck | ``Health`` of type ``exec``; without ``test`` of type ``docker``: the image's own check
services.*.healthcheck.disable | ``Health`` of type ``none``
services.*.healthcheck.interval | ``Health.Interval``; 5 s where nothing is said
services.*.healthcheck.retries | ``Health.Retries``
services.*.healthcheck.start_period | ``Health.StartPeriod``
services.*.healthcheck.test | ``Health.Cmd``; ``CMD-SHELL`` and texts by ``/bin/sh -c``
services.*.healthcheck.timeout | ``Health.Timeout``; 30 s where nothing is said
services.*.links | ``After``; an alias is refused, because names are those of services
services.*.network_mode | ``bridge`` is how containers run anyway; others are refused, because ports are published
services.*.networks | all services reach each other by their names, see `Names and networks`_
services.*.ports | see `Ports`_
services.*.ports[].host_ip | only an address of all interfaces; a loopback address is refused
services.*.ports[].mode | ``host`` is ``Container.PortBindings``, ``ingress`` a route
services.*.ports[].protocol | ``tcp`` and ``udp``; ``sctp`` only without a published port
services.*.ports[].published | the port of every node
services.*.ports[].target | the port in the container
services.*.restart | containers are always started again; ``no`` is a job: ``Schedule.Once``, if it has no ports
services.*.secrets | ``Secrets``
services.*.secrets[].source | the secret
services.*.secrets[].target | ``Secrets.Target``
services.*.volumes | see `Volumes`_
services.*.volumes[].type | ``volume``, ``bind`` and ``tmpfs``; others are refused
services.*.volumes[].bind.create_host_path | the Engine makes a directory that is missing, unless ``false`` is said
services.*.volumes[].bind.propagation | ``Container.Mounts``
"""

LEFT_OUT = """
networks.*.driver | networks are not made: leave it out
networks.*.driver_opts | networks are not made: leave it out
networks.*.ipam | networks are not made: leave it out, and use names in place of addresses
networks.*.enable_ipv6 | networks are not made: give the Engine's default bridge IPv6
volumes.*.labels | volumes are made by the Engine when they are first used: label them there
configs.*.labels | files have no labels: leave it out
secrets.*.labels | secrets have no labels: leave it out
services.*.annotations | the Engine's annotations are not passed on: use labels
services.*.attach | it is about the output of compose up: use daprdockrcmd logs
services.*.configs[].uid | a file belongs to the user of the container: set the user
services.*.configs[].gid | a file belongs to the user of the container: set the user
services.*.container_name | containers are called after their instances: use the service's name
services.*.depends_on.*.restart | a change of one service restarts no other: use daprdockrcmd restart
services.*.deploy.placement.preferences | nodes with the fewest instances come first: use a constraint, or OnePerNode
services.*.deploy.resources.reservations.cpus | placement counts the limit of processors: set limits.cpus
services.*.deploy.restart_policy.delay | the pause between starts doubles with each failure: leave it out
services.*.deploy.restart_policy.max_attempts | a container is always started again, elsewhere at last: leave it out
services.*.deploy.restart_policy.window | a container is always started again: leave it out
services.*.deploy.rollback_config | a rollback proceeds as Update says: leave it out
services.*.deploy.update_config.max_failure_ratio | a rollout stops at the first failure: leave it out
services.*.develop | it is for development: leave it out
services.*.healthcheck.start_interval | checks come at Interval from the start: leave it out
services.*.isolation | it is for Windows: leave it out
services.*.platform | the Engine pulls the image for its own platform: use a constraint on a label of nodes
services.*.ports[].name | ports have no names: leave it out
services.*.ports[].app_protocol | for HTTP, give the service a host name: x-daprdockr with Http
services.*.pull_policy | an image is pulled where it is missing: daprdockrcmd restart pulls it again
services.*.pull_refresh_after | an image is pulled where it is missing: daprdockrcmd restart pulls it again
services.*.secrets[].uid | a secret belongs to the user of the container: set the user
services.*.secrets[].gid | a secret belongs to the user of the container: set the user
services.*.secrets[].mode | a secret has mode 0400: set the user
services.*.volumes[].consistency | it is for macOS: leave it out
services.*.volumes[].volume.labels | volumes are made by the Engine when they are first used: label them there
services.*.networks.*.driver_opts | networks are not made: leave it out
services.*.networks.*.gw_priority | networks are not made: leave it out
services.*.networks.*.interface_name | networks are not made: leave it out
services.*.networks.*.priority | networks are not made: leave it out
services.*.networks.*.use_service_name_alias | a service always has its name: leave it out
"""

REFUSED = """
jobs | a schedule is written otherwise: make it a service, with x-daprdockr: {Schedule: {Cron: ...}}
models | there are no AI models: run the model as a service, with its own image
services.*.models | there are no AI models: run the model as a service, with its own image
networks.*.internal | containers reach the outside: keep them from it by the host's firewall
configs.*.template_driver | templates are not evaluated: write the file as it has to be
secrets.*.driver | secrets come from daprdockrcmd secret set: store the value there
secrets.*.driver_opts | secrets come from daprdockrcmd secret set: store the value there
secrets.*.template_driver | templates are not evaluated: store the value as it has to be
services.*.blkio_config.device_read_bps | limits of single devices are not passed on: use weight
services.*.blkio_config.device_read_iops | limits of single devices are not passed on: use weight
services.*.blkio_config.device_write_bps | limits of single devices are not passed on: use weight
services.*.blkio_config.device_write_iops | limits of single devices are not passed on: use weight
services.*.blkio_config.weight_device | weights of single devices are not passed on: use weight
services.*.cpu_count | it is for Windows: use cpus
services.*.cpu_percent | it is for Windows: use cpus
services.*.cpu_rt_period | real-time scheduling is not passed on: use cpus
services.*.cpu_rt_runtime | real-time scheduling is not passed on: use cpus
services.*.credential_spec | it is for Windows: store the credentials by daprdockrcmd secret set
services.*.deploy.resources.reservations.generic_resources | nodes have none: use a constraint on a label
services.*.external_links | containers are found by name: use <service>.<group>.container
services.*.mac_address | an address is the Engine's choice: leave it out
services.*.networks.*.aliases | names are those of services: use the service's name
services.*.networks.*.ipv4_address | an address is the Engine's choice: use the service's name
services.*.networks.*.ipv6_address | an address is the Engine's choice: use the service's name
services.*.networks.*.link_local_ips | an address is the Engine's choice: use the service's name
services.*.networks.*.mac_address | an address is the Engine's choice: leave it out
services.*.post_start | nothing runs after the start: do it in the entrypoint
services.*.pre_start | nothing runs before the start: do it in the entrypoint
services.*.pre_stop | nothing runs before the stop: do it at the stop signal
services.*.provider | other programs are not run: run it yourself, and state its address
services.*.umask | it is not passed on: set it in the entrypoint
services.*.use_api_socket | the Engine's socket is not handed on: mount it as a volume, if it has to be
services.*.volumes[].bind.recursive | it is not passed on: leave it out
services.*.volumes[].bind.selinux | it is not passed on: label the directory on each node
services.*.volumes[].image | images are not mounted: copy the files into the image of the service
services.*.volumes[].volume.subpath | a part of a volume is not mounted: use a volume of its own
services.*.volumes_from | services may run on different nodes: give both the same named volume
"""
