"""The simulated audience: what is hidden stays hidden, what is seen is told exactly."""

import asyncio
from collections import Counter
from dataclasses import fields
from random import Random

import numpy as np
import pytest

from model_export.space.design_space import load
from schemas.avro import Codec
from schemas.lock import LockedIds
from schemas.records import Behavior, Text
from schemas.vocabulary import deployed
from streams.admission.pseudonym import pseudonymise
from streams.demo.simulate.audience import AudienceConfig, Pace, run_audience
from streams.demo.simulate.people import PeopleConfig, Population, SimulatedPerson
from streams.demo.simulate.texts import comment, query
from streams.demo.simulate.visit import VisitConfig
from streams.kafka.topics import BEHAVIOR, TEXT
from streams.stages.attribution.traffic import is_robot
from tests.streams.ad_server_process import KEY, running, server_settings

SURFACES = ("search", "social", "video", "device")
SMALL = PeopleConfig(n_people=600, seed=7)


@pytest.fixture(scope="module")
def space():
    return load()


@pytest.fixture(scope="module")
def population(space):
    return Population(SMALL, space)


def mean_click_rate(population, designs, seed):
    rng = np.random.default_rng(seed)
    chances = []
    for design in designs:
        person = population.people[rng.integers(len(population.people))]
        category = population.category(person, rng.random())
        shown = design or population.best_design(person)
        surface = SURFACES[rng.integers(4)]
        chances.append(population.click_probability(person, shown, category, surface))
    return np.mean(chances)


def test_random_designs_get_5_percent_and_each_persons_best_three_times_that(
    population, space
):
    drawn = space.decode(space.random(800, np.random.default_rng(3)))
    designs = [
        {"categorical": d.categorical, "continuous": d.continuous} for d in drawn
    ]
    random = mean_click_rate(population, designs, 5)
    best = mean_click_rate(population, [None] * 400, 5)
    assert 0.042 < random < 0.058
    assert 2.5 < best / random < 3.5


def test_the_same_seed_makes_the_same_people_and_another_seed_others(population, space):
    again = Population(SMALL, space)
    other = Population(PeopleConfig(n_people=600, seed=8), space)
    assert again.people == population.people
    assert other.people != population.people
    design = population.best_design(population.people[0])
    seen = ("yoga", "social")
    assert again.click_probability(
        again.people[0], design, *seen
    ) == population.click_probability(population.people[0], design, *seen)


def test_a_person_shows_nothing_of_their_taste():
    visible = {field.name for field in fields(SimulatedPerson)}
    assert not visible & {"taste", "group", "shares", "fit"}


def test_about_5_percent_are_robots_and_10_percent_gave_no_consent(population):
    people = population.people
    assert 0.02 < np.mean([person.is_robot for person in people]) < 0.08
    assert 0.06 < np.mean([not person.consent for person in people]) < 0.14
    assert all(is_robot(p.user_agent) is p.is_robot for p in people)
    assert all(person.user_id.startswith("sim-") for person in people)


def test_what_people_look_at_says_something_about_what_they_click(population):
    """Two people of one taste look at more of the same categories than two others."""
    rng = np.random.default_rng(2)

    def likeness(one, other):
        looked = [
            Counter(population.category(p, rng.random()) for _ in range(60))
            for p in (one, other)
        ]
        return (looked[0] & looked[1]).total()

    designs = [population.best_design(person) for person in population.people[:60]]
    same = different = 0, 0
    for i in range(60):
        for j in range(i):
            shared = sum(
                designs[i]["categorical"][name] == value
                for name, value in designs[j]["categorical"].items()
            )
            pair = likeness(population.people[i], population.people[j])
            if shared >= 6:
                same = same[0] + pair, same[1] + 1
            elif shared <= 2:
                different = different[0] + pair, different[1] + 1
    assert same[0] / same[1] > 1.2 * different[0] / different[1]


def test_a_value_of_another_creative_space_has_an_effect_too(population):
    person = population.people[0]
    chances = {
        population.click_probability(
            person,
            {"categorical": {"mascot": value}, "continuous": {}},
            None,
            "social",
        )
        for value in ("fox", "owl", "bear")
    }
    assert len(chances) == 3


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_category_can_be_written_about(language):
    rng = Random(1)  # noqa: S311 - no secret
    for category in deployed().categories:
        texts = [
            query(category, language, rng),
            comment(category, language, rng, liked=True),
            comment(category, language, rng, liked=False),
        ]
        assert all(text and "{" not in text for text in texts)


async def test_the_pace_is_kept_and_missed_turns_are_not_made_up():
    loop, pace = asyncio.get_running_loop(), Pace(per_s=200)
    await pace.turn()
    await asyncio.sleep(0.1)
    started = loop.time()
    for _ in range(11):
        await pace.turn()
    assert loop.time() - started >= 0.049


async def test_what_the_audience_counts_is_what_the_topics_hold(
    local_broker, make_topics, read_topic, tmp_path
):
    prefix = make_topics(local_broker)
    config = AudienceConfig(
        people=PeopleConfig(n_people=80, seed=3, random_ctr=0.3, best_lift=2.0),
        visit=VisitConfig(think_s=(0.06, 0.1), dismissals=0.1, conversions=0.5),
        requests_per_s=2_000,
        max_ads=400,
    )
    looks = []
    async with running(local_broker, server_settings(prefix, tmp_path)) as client:
        base = str(client._base_url)
        result = await run_audience(base, config, asyncio.Event(), looks.append)
    assert (result.failed, result.failures) == (0, {})
    assert 400 <= result.requests == result.impressions < 450
    assert result.fallbacks == result.impressions  # nobody makes creatives here
    assert 0 < result.p50_s <= result.p99_s < 5
    assert result.clicks > 20
    assert min(result.texts, result.dismissals, result.conversions) > 0
    assert looks[-1] == result

    n = result.impressions + result.clicks + result.events
    topic = prefix + BEHAVIOR.name
    messages = await read_topic(local_broker, topic, n)
    events = [Codec(Behavior, LockedIds()).decode(m.value) for m in messages]
    kinds = Counter(event.kind for event in events)
    assert kinds["impression"] == result.impressions
    assert kinds["click"] == result.clicks
    assert kinds["conversion"] == result.conversions
    ids = {pseudonymise(f"sim-3-{n:05d}", KEY.encode()) for n in range(80)}
    assert {event.user_id for event in events} <= ids
    shown = {e.impression_id: e.occurred_at for e in events if e.kind == "impression"}
    reactions = [e for e in events if e.kind in ("click", "conversion", "dismiss")]
    assert all(event.impression_id in shown for event in reactions)
    for click in (event for event in events if event.kind == "click"):
        if not is_robot(click.user_agent):
            assert click.occurred_at - shown[click.impression_id] >= 50

    messages = await read_topic(local_broker, prefix + TEXT.name, result.texts)
    texts = [Codec(Text, LockedIds()).decode(m.value) for m in messages]
    assert {text.user_id for text in texts} <= ids


async def test_a_server_that_is_gone_is_counted_and_the_audience_still_ends():
    stop = asyncio.Event()
    config = AudienceConfig(people=PeopleConfig(n_people=50), concurrency=2)
    audience = asyncio.create_task(run_audience("http://127.0.0.1:9", config, stop))
    await asyncio.sleep(1.5)
    stop.set()
    async with asyncio.timeout(10):
        result = await audience
    assert result.failed > 0
    assert (result.impressions, result.p99_s) == (0, 0.0)
