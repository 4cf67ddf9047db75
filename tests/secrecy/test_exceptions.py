"""What the algorithms' definitions leave open, each shown to be there, and to be found by the model.

The histories' audits leave out just these cases. So here are the attacks themselves: a model that could not see
them would prove nothing where it sees none.
"""

from __future__ import annotations

import pytest

from gsakmp.crypto import kek_cipher
from gsakmp.group.rekey import RekeySettings, rekey_algorithm
from gsakmp.registries import KEKAlgorithm
from tests.secrecy import oneway, wraps
from tests.secrecy.histories import checked
from tests.secrecy.world import Record, World

CIPHER = kek_cipher(KEKAlgorithm.KEK_ALG_AES, 128)


def world(name: str, degree: int = 2) -> World:
    return World(
        lambda: rekey_algorithm(name, CIPHER, RekeySettings(degree=degree, eviction="own-keys")), CIPHER
    )


def left_and_came(name: str) -> Record:
    """Leaves 0 and 1 have one parent, 2 and the vacant 3 another. m0 leaves, m4 takes its place, and after it
    m5 takes leaf 3. KEK 2 is in force from m4's join to m5's: m0 was gone, and m5 not there."""
    group = world(name)
    group.start([0, 1, 2])
    group.leave([0])
    group.join([4], True)
    group.join([5], True)
    return group.finish()


def test_oft_falls_to_a_past_and_a_future_member_together() -> None:
    """Horng 2002; Ku and Chen 2003. m0 has kept the blinded secret of the right half, which nothing changed
    until m5 came; m5 is told that of the left half, as m4's join made it. Xor them, and there is KEK 2."""
    record = left_and_came("oft")
    oneway.audit(record)  # neither is enough alone
    secrets = oneway.Secrets(record)
    stints = {stint.who: stint for stint in record.stints}
    for who, falls in (((0,), False), ((5,), False), ((0, 5), True)):
        coalition = oneway.Coalition(secrets)
        for one in who:
            coalition.learn(item for item, _ in secrets.given(stints[one]))
        assert coalition.knows_kek(2) == falls
        assert not coalition.knows_kek(1)
    assert oneway.mixed(record) == {2}


@pytest.mark.parametrize("name", ["flat", "lkh"])
def test_wraps_do_not_fall_to_them(name: str) -> None:
    """The same history: all that were no members of a KEK's time, past and future, know nothing of it."""
    record = left_and_came(name)
    wraps.audit(record)
    model = wraps.Wraps(record)
    for number, epoch in enumerate(record.epochs):
        others = [stint for stint in record.stints if not stint.within(number)]
        assert epoch.kek not in model.known(gift for stint in others for gift in wraps.gifts_of(stint))


def test_oft_falls_in_random_histories_too() -> None:
    """And never to past or future members alone: `checked` would not end."""
    assert any(oneway.mixed(checked("oft", seed).record) for seed in range(20))


def test_lkh_joins_without_backward_rekey_tell_of_the_past() -> None:
    """Six members, degree 2: m4 and m5 are below one node, and so are the leaves 6 and 7 in its other half.
    When m0 leaves, KEK 1 goes to the right half under its key, and two more KEKs each under the one before. m6
    gets leaf 6 and, without backward rekey, that key as it is: it can read from KEK 1 on, but never KEK 0,
    which nothing wraps. The definition lets it read from when its oldest key was made, which is the start."""
    for backward in (False, True):
        group = world("lkh")
        group.start(range(6))
        group.leave([0])
        group.renew()
        group.renew()
        group.join([7], backward)  # to leaf 0
        group.join([6], backward)
        record = group.finish()
        wraps.audit(record)
        model = wraps.Wraps(record)
        (stint,) = (stint for stint in record.stints if stint.who == 6)
        known = model.known(wraps.gifts_of(stint))
        read = {number for number, epoch in enumerate(record.epochs) if epoch.kek in known}
        assert read == ({stint.first} if backward else {1, 2, 3})
        assert wraps.readable_from(record, model, stint) == (stint.first if backward else 0)


@pytest.mark.parametrize("name", ["flat", "oft"])
def test_others_do_not_tell_of_the_past_even_so(name: str) -> None:
    """Flat has no key but the newcomer's own; OFT lets it wait outside the tree until the next KEK."""
    group = world(name)
    group.start(range(6))
    group.leave([0])
    group.renew()
    group.join([7], False)
    group.join([6], False)
    group.renew()
    record = group.finish()
    stints = [stint for stint in record.stints if stint.who in (6, 7)]
    if name == "flat":
        model = wraps.Wraps(record)
        known = model.known(gift for stint in stints for gift in wraps.gifts_of(stint))
        read = {number for number, epoch in enumerate(record.epochs) if epoch.kek in known}
    else:
        secrets = oneway.Secrets(record)
        coalition = oneway.Coalition(secrets)
        for stint in stints:
            coalition.learn(item for item, _ in secrets.given(stint))
        read = {number for number in range(len(record.epochs)) if coalition.knows_kek(number)}
    assert read == {2, 3}
