from hypothesis import given, strategies as st

from streams.sink.erasures import Erasure, Erasures, digest_of


def test_a_person_who_was_erased_stays_out_until_a_new_profile():
    erasures = Erasures()
    erasures.erase("u")

    assert not erasures.admits("u", at=2**50)
    erasures.take_back("u", at=100)
    assert not erasures.admits("u", at=99)
    assert erasures.admits("u", at=100)


def test_only_the_first_profile_after_an_erasure_dates_the_return():
    erasures = Erasures()
    erasures.erase("u")
    erasures.take_back("u", at=100)
    erasures.take_back("u", at=200)

    assert erasures.admits("u", at=150)


def test_a_second_erasure_forgets_the_return():
    erasures = Erasures([Erasure(digest_of("u"), 100)])

    assert erasures.admits("u", at=100)
    erasures.erase("u")
    assert not erasures.admits("u", at=100)


def test_a_profile_of_somebody_else_changes_nothing():
    erasures = Erasures()
    erasures.erase("u")
    erasures.take_back("other", at=1)

    assert erasures.admits("other", at=0)
    assert [erasure.user_digest for erasure in erasures.take_changed()] == [
        digest_of("u")
    ]


def test_changes_are_given_once():
    erasures = Erasures()
    erasures.erase("u")

    assert erasures.take_changed() == [Erasure(digest_of("u"), None)]
    assert erasures.take_changed() == []


def test_the_pseudonym_is_not_remembered():
    assert "u_secret" not in digest_of("u_secret")


@given(
    st.lists(
        st.tuples(st.sampled_from("ab"), st.sampled_from(["erase", "return"])),
        max_size=12,
    )
)
def test_what_is_remembered_is_enough_to_go_on(steps):
    erasures, rows = Erasures(), {}
    for number, (user, step) in enumerate(steps):
        if step == "erase":
            erasures.erase(user)
        else:
            erasures.take_back(user, at=number)
        rows |= {row.user_digest: row for row in erasures.take_changed()}
    again = Erasures(rows.values())

    for user in "ab":
        for at in range(13):
            assert again.admits(user, at) == erasures.admits(user, at)
