"""Java sources beside this file, jars of ../shared/peers -> a command that runs a peer.

`ADLOOM_BENCH_PEERS` names another folder with `flink/libs` and `kafka-streams/libs`.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.brokers import ROOT
from benchmarks.figures import UnavailableError

SOURCES = Path(__file__).parent
_SHARED = ROOT.parent / "shared" / "peers"
_COMMON = ("Arguments", "BehaviorDecoder", "DecayedWeights", "Progress")
_MAIN = {"flink": "FlinkPeer", "kafka-streams": "KafkaStreamsPeer"}

# The heap and the collector that were fastest for both.
_OPTIONS = ("-Xms1g", "-Xmx1g", "-XX:+UseParallelGC")
_OPENED = (
    "--add-opens=java.base/java.util=ALL-UNNAMED",
    "--add-opens=java.base/java.lang=ALL-UNNAMED",
)


def java_command(name: str, folder: Path) -> list[str]:
    """Return the command of a peer, compiled when its sources have changed.

    Raises:
        UnavailableError: no JDK, or no jars.
    """
    jars = Path(os.environ.get("ADLOOM_BENCH_PEERS", _SHARED)) / name / "libs"
    for tool in ("java", "javac"):
        if shutil.which(tool) is None:
            raise UnavailableError(
                f"{name}: no {tool}; on Debian: apt-get install default-jdk-headless"
            )
    if not any(jars.glob("*.jar")):
        raise UnavailableError(f"{name}: no jars in {jars}")
    classes = folder / "classes" / name
    main = _MAIN[name]
    sources = [SOURCES / f"{one}.java" for one in (*_COMMON, main)]
    newest = max(source.stat().st_mtime for source in sources)
    built = classes / f"{main}.class"
    if not built.exists() or built.stat().st_mtime < newest:
        _compile(sources, jars, classes)
    return ["java", *_OPENED, *_OPTIONS, "-cp", f"{classes}:{jars}/*", main]


def _compile(sources: list[Path], jars: Path, classes: Path) -> None:
    shutil.rmtree(classes, ignore_errors=True)
    classes.mkdir(parents=True)
    command = ["javac", "-nowarn", "-d", str(classes), "-cp", f"{jars}/*"]
    done = subprocess.run(
        [shutil.which(command[0]) or "javac", *command[1:], *map(str, sources)],
        check=False,
        stdout=sys.stderr,
        stderr=sys.stderr,
    )
    if done.returncode:
        raise UnavailableError(f"javac failed for {', '.join(s.name for s in sources)}")
