"""Robots and impossible clicks."""

import json
from pathlib import Path

import pytest

from streams.stages.attribution.traffic import is_impossible_click, is_robot

DATA = Path(__file__).parents[3] / "shared" / "data"


def _lines(name):
    path = DATA / name
    if not path.exists():
        pytest.skip(f"../shared/data/{name} is not here")
    return path.read_text("utf-8")


def test_at_least_95_percent_of_known_robots_are_recognised():
    crawlers = json.loads(_lines("crawler_user_agents_dev.json"))
    agents = [agent for crawler in crawlers for agent in crawler["instances"]]
    assert len(agents) > 500
    assert sum(map(is_robot, agents)) / len(agents) >= 0.95


def test_at_most_half_a_percent_of_browsers_are_taken_for_robots():
    agents = _lines("browser_user_agents_dev.txt").splitlines()
    assert len(agents) > 200
    assert sum(map(is_robot, agents)) / len(agents) <= 0.005


@pytest.mark.parametrize(
    "agent",
    [
        "curl/8.5.0",
        "python-requests/2.32.3",
        "Mozilla/5.0 (compatible; ExampleBot/2.1; +http://example.org/bot)",
        "Mozilla/5.0 (X11; Linux x86_64) HeadlessChrome/130.0 Safari/537.36",
        "adloom-simulated-bot/1.0",
    ],
)
def test_what_calls_itself_a_robot_is_one(agent):
    assert is_robot(agent)


@pytest.mark.parametrize(
    "agent",
    [
        None,
        "",
        "Mozilla/5.0 (Linux; Android 9; CUBOT_X18) Chrome/130.0 Mobile Safari/537.36",
        "ShopApp/4.1 CFNetwork/1490.0.4 Darwin/23.2.0",
        "Mozilla/5.0 (compatible; MSIE 10.0; Windows NT 6.2; Trident/6.0)",
    ],
)
def test_people_are_not_robots(agent):
    assert not is_robot(agent)


def test_a_very_long_header_is_searched_only_at_its_start():
    assert not is_robot("Mozilla/5.0 " + "a" * 5_000 + " bot")


@pytest.mark.parametrize(
    ("delay_ms", "impossible"), [(-1, True), (1, True), (50, False)]
)
def test_nobody_clicks_within_50_ms(delay_ms, impossible):
    assert is_impossible_click(delay_ms) is impossible
