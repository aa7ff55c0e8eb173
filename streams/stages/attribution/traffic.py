"""User agent, delay -> is it a person? Rules that flag traffic which must not teach.

Flagged traffic is kept, and shown in the analytics; it is only left out of learning.
"""

import re
from functools import lru_cache

MIN_CLICK_DELAY_MS = 50
"""A person needs longer than this to see something and press."""

MAX_AGENT_CHARACTERS = 1_024
"""Longer headers are cut before the search: its cost stays bounded."""

_PEOPLE = re.compile(
    # Every browser in use calls itself Mozilla, and Opera's old ones Opera; native
    # apps show the HTTP stack of their system.
    r"""["']?(?:mozilla|opera|dalvik|ucweb|nokia|sonyericsson|samsung)\b"""
    r"|.*(?:\bcfnetwork/|\bdarwin/)",
    re.IGNORECASE,
)

_ROBOT = re.compile(
    # Words that robots use of themselves (Cubot is a make of telephone).
    r"(?<!cu)bot(?:\b|[_\d])|robot|crawl|spider|scrap|slurp|fetch|archiv|scan(?:ner)?\b"
    r"|index(?:er|ing)|harvest|monitor|validator|checker|preview|feed(?!ly/\d)|proxy"
    r"|grab|agent\b|synthetic|inspect|detect|classif|parser|finder|audit|probe|uptime"
    # Browsers without a person in front.
    r"|headless|phantom|selenium|puppeteer|playwright|lighthouse|pingdom"
    r"|gtmetrix|splash\b|openvas"
    # Libraries and command line tools.
    r"|python-|libwww|urllib|aiohttp|httpx|http-?client|httpunit|httrack|lwp"
    r"|okhttp|apache-http|nutch|scrapy|java/\d|jersey|restsharp|winhttp"
    # An address for complaints: people's browsers carry none.
    r"|https?://|www\.|@[\w-]+\.[a-z]{2}|\.(?:com|net|org|io)\b(?![.\d])"
    r"|\bcompatible;(?!\s*(?:msie|konqueror|opera))",
    re.IGNORECASE,
)


@lru_cache(maxsize=4_096)
def is_robot(user_agent: str | None) -> bool:
    """Return whether a User-Agent header says, or shows, that no person sent it.

    No header at all proves nothing: devices and native apps leave it out.

    >>> is_robot("Mozilla/5.0 (compatible; ExampleBot/2.1; +http://example.org/bot)")
    True
    >>> is_robot("curl/8.5.0")
    True
    >>> is_robot("Mozilla/5.0 (X11; Linux x86_64; rv:137.0) Gecko/137.0 Firefox/137.0")
    False
    """
    if not user_agent:
        return False
    agent = user_agent[:MAX_AGENT_CHARACTERS]
    return _PEOPLE.match(agent) is None or _ROBOT.search(agent) is not None


def is_impossible_click(delay_ms: int) -> bool:
    """Return whether a click came sooner after its impression than a person can press.

    A click before its impression (a negative delay) is impossible too.

    >>> is_impossible_click(1), is_impossible_click(700)
    (True, False)
    """
    return delay_ms < MIN_CLICK_DELAY_MS
