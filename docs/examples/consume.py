"""Creatives, in Python.

python docs/examples/consume.py 127.0.0.1:9092 ads.creative.v1
"""

import sys

from schemas.avro import Codec
from schemas.lock import LockedIds
from schemas.records import Creative
from streams.kafka.blocking_reader import EARLIEST, BlockingReader
from streams.kafka.connection import Connection

bootstrap, topic = sys.argv[1:]
codec = Codec(Creative, LockedIds())
reader = BlockingReader(Connection(bootstrap))
reader.assign(dict.fromkeys(reader.partitions_of(topic), EARLIEST))
while True:
    for message in reader.read_messages(timeout_s=1.0):
        if message.value is None:
            print(message.key.decode(), "withdrawn", flush=True)
            continue
        creative = codec.decode(message.value)
        print(creative.user_id, creative.placement, creative.copy.headline, flush=True)
