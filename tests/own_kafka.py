"""A launcher and a folder -> no broker in it once standard input has ended.

Run as a script by tests that kill and restart an Apache Kafka of their own, so that no
Java process outlives them.
"""

import subprocess
import sys

if __name__ == "__main__":
    launcher, folder = sys.argv[1:]
    sys.stdin.read()
    subprocess.run([launcher, "kill", folder], check=False)
