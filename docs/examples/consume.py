"""Creatives, in Python.

python docs/examples/consume.py 127.0.0.1:9092 ads.creative.v1
"""

import sys

from kafka import KafkaConsumer

from schemas.avro import Codec
from schemas.lock import LockedIds
from schemas.records import Creative

bootstrap, topic = sys.argv[1:]
codec = Codec(Creative, LockedIds())
for message in KafkaConsumer(
    topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest"
):
    if message.value is None:
        print(message.key.decode(), "withdrawn", flush=True)
        continue
    creative = codec.decode(message.value)
    print(creative.user_id, creative.placement, creative.copy.headline, flush=True)
