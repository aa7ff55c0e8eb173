"""A real ad server, on a real port, for one test."""

import asyncio
from contextlib import asynccontextmanager

import aiohttp

from streams.ad_server.server import serve
from streams.kafka.connection import Connection
from streams.settings import KafkaSettings, LocalSettings, PrivacySettings, Settings

KEY = "a key for the tests"


def server_settings(prefix, folder):
    return Settings(
        kafka=KafkaSettings(topic_prefix=prefix, partitions=2),
        local=LocalSettings(folder=folder),
        privacy=PrivacySettings(pseudonym_key=KEY),
    )


@asynccontextmanager
async def running(bootstrap, settings, drain_s=5.0):
    """Yield an HTTP client of a server that is ready; stop the server afterwards."""
    port, stop = asyncio.get_running_loop().create_future(), asyncio.Event()
    server = asyncio.create_task(
        serve(
            settings,
            connection=Connection(bootstrap),
            host="127.0.0.1",
            port=0,
            ready=port.set_result,
            stop=stop,
            drain_s=drain_s,
        )
    )
    await asyncio.wait([server, port], return_when=asyncio.FIRST_COMPLETED)
    if server.done():
        await server  # raises
    try:
        base = f"http://127.0.0.1:{port.result()}"
        async with aiohttp.ClientSession(base) as client:
            yield client
    finally:
        stop.set()
        async with asyncio.timeout(20):
            await server
