"""Stage declarations -> deploy/compose.yaml, docs/flow.md, README.md."""

import re

from streams import stages
from streams.engine.declaration import Declaration

SERVICES = re.compile(r"(?<=  # <stages>\n).*?(?=  # </stages>\n)", re.DOTALL)
ROWS = re.compile(r"(?:\| [^|\n]* \| `adloom worker .*\n)+")
LIST = re.compile(r"(?<=\| `adloom worker STAGE` \| one stage: )[^|]*(?= \|)")


def services(text: str) -> str:
    """Return deploy/compose.yaml with a service for each stage."""
    written = "\n".join(map(_service, stages.catalogue()))
    return SERVICES.sub(lambda _: written, text)


def _service(stage: Declaration) -> str:
    lines = [
        f"  {stage.name}: # {stage.help}",
        "    <<: *adloom",
        f"    command: [worker, {stage.name}]",
    ]
    if stage.n_replicas is not None:
        lines.append(f"    deploy: {{ replicas: {stage.n_replicas} }}")
    return "\n".join(lines) + "\n"


def rows(text: str) -> str:
    """Return docs/flow.md with a row for each stage in its table of processes."""
    written = "".join(
        f"| {stage.name} | `adloom worker {stage.name}` | "
        f"`streams/stages/{stage.name}/` | {stage.keeps}"
        f"{'; one replica' if stage.n_replicas == 1 else ''} |\n"
        for stage in stages.catalogue()
    )
    return ROWS.sub(lambda _: written, text)


def names(text: str) -> str:
    """Return README.md with the names of all stages in its table of commands."""
    written = ", ".join(stage.name for stage in stages.catalogue())
    return LIST.sub(lambda _: written, text)
