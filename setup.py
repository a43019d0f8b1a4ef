"""
What the distribution is, needs and installs. Settings of tools stand in ``pyproject.toml``.

Note [The plugin folder]: ``twisted/plugins`` is a folder of Twisted's package into which we put one file. It has no
``__init__.py`` (with one, Twisted skips the folder), so ``find_packages`` does not see it: the packages are listed.
``package_dir`` makes an editable install put the checkout itself on ``sys.path``; without it the plugin is not found
there, and nothing says so.
"""

import re
from pathlib import Path

from setuptools import setup

HERE = Path(__file__).parent


def version() -> str:
    """Read ``__version__`` as text, because what the package imports is not installed while it is built."""
    source = (HERE / "daprdockr" / "__init__.py").read_text(encoding="utf-8")
    found = re.search(r'^__version__ = "([^"]+)"$', source, re.MULTILINE)
    if found is None:
        raise SystemExit("daprdockr/__init__.py has no __version__ line")
    return found[1]


setup(
    name="daprdockr",
    version=version(),
    description="Declaratively described container services on a cluster of Docker hosts, without a scheduler",
    long_description=(HERE / "README.rst").read_text(encoding="utf-8"),
    long_description_content_type="text/x-rst",
    license="Apache-2.0",
    license_files=["LICENSE"],
    classifiers=[
        "Development Status :: 3 - Alpha",
        "Environment :: No Input/Output (Daemon)",
        "Framework :: Twisted",
        "Intended Audience :: System Administrators",
        "Operating System :: POSIX :: Linux",
        "Programming Language :: Python :: 3",
        "Topic :: System :: Clustering",
        "Typing :: Typed",
    ],
    python_requires=">=3.11",
    packages=[
        "daprdockr",
        "daprdockr.acme",
        "daprdockr.agent",
        "daprdockr.agent.certifying",
        "daprdockr.agent.guarding",
        "daprdockr.agent.host",
        "daprdockr.agent.membership",
        "daprdockr.agent.mirror",
        "daprdockr.agent.reconcile",
        "daprdockr.agent.renewing",
        "daprdockr.agent.reporting",
        "daprdockr.api",
        "daprdockr.arguments",
        "daprdockr.cli",
        "daprdockr.cli.commands",
        "daprdockr.compose",
        "daprdockr.dns",
        "daprdockr.dns.answering",
        "daprdockr.dns.forwarding",
        "daprdockr.dns.listening",
        "daprdockr.dns.message",
        "daprdockr.dns.zone",
        "daprdockr.engine",
        "daprdockr.etcd",
        "daprdockr.guard",
        "daprdockr.model",
        "daprdockr.model.known",
        "daprdockr.model.stored",
        "daprdockr.model.troubles",
        "daprdockr.model.wanted",
        "daprdockr.page",
        "daprdockr.peer",
        "daprdockr.picture",
        "daprdockr.planning",
        "daprdockr.planning.jobs",
        "daprdockr.planning.keeping",
        "daprdockr.planning.placing",
        "daprdockr.planning.renewing",
        "daprdockr.process",
        "daprdockr.proxy",
        "daprdockr.relay",
        "daprdockr.runtime",
        "daprdockr.sealing",
        "daprdockr.sessions",
        "daprdockr.wiring",
        "twisted.plugins",
    ],
    package_dir={"": "."},
    package_data={
        "daprdockr": ["py.typed"],
        "daprdockr.api": ["openapi.json"],
        "daprdockr.cli": ["daprdockr.service"],
        "daprdockr.page": ["static/*", "templates/*.j2"],
        "daprdockr.proxy": ["*.j2", "lua/door/*.lua"],
    },
    zip_safe=False,
    # Lower bounds are the oldest versions the tests passed with (make oldest): DNS over TCP needs the DNSProtocol of
    # Twisted 26.10, and protobuf 6 warns on stderr. The reasons are in docs/design/dependencies.rst.
    install_requires=[
        "Twisted>=26.10",
        "treq>=25.5",
        "docker>=7.1",
        "python3-etcd3>=0.13",
        "grpcio>=1.71",
        "protobuf>=7.34",
        "Jinja2>=3.1.6",
        "attrs>=24.2",
        "cryptography>=50",
        "acme>=5.9",
        "josepy>=2.2",
        "requests>=2.34",
        "urllib3>=2.8",
        "idna>=3.7",
        "PyYAML>=6.0.4",
        "cronsim>=2.7",
        "tzdata>=2025.2",
        "python-dotenv>=1.2.4",
        "prometheus-client>=0.26",
    ],
    extras_require={
        # ruff and mypy find more with each release, so a checkout stays with the one it was clean under.
        "dev": [
            "build>=1.2",
            "coverage>=7.17",
            "cyclonedx-bom>=7.5",
            "dnspython>=2.9",
            "docutils>=0.23",
            "gunicorn>=27",
            "hypothesis>=6.170",
            "jsonschema>=4.26",
            "mypy~=2.4.1",
            "mypy-zope~=1.0.17",
            "openapi-spec-validator>=0.9",
            "pre-commit>=4.7",
            "ruff~=0.17.6",
            "selenium>=4.51",
            "selenium-axe-python~=2.2.0",
            # Its release stands in each wheel that it builds.
            "setuptools==84.2.1",
            "towncrier>=26.9",
            "types-docker>=7.2",
            "types-docutils>=0.23",
            "types-jsonschema>=4.26",
            "types-requests>=2.33",
            "types-setuptools>=80",
            "uvicorn>=0.54",
            "websockets>=17",
        ],
    },
    entry_points={
        "console_scripts": [
            "daprdockrcmd = daprdockr.cli.start:run",
            "daprdockrd = daprdockr.daemon:run",
        ],
    },
)
