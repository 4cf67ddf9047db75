"""Messages and domains of interpretation through copy and pickle."""

from __future__ import annotations

import copy
import pickle

import pytest

import gsakmp
from gsakmp.captures import read
from gsakmp.doi import DOIS, GDOI, IKEV2
from tests.conftest import PCAPS

CAPTURES = sorted(PCAPS.glob("gdoi/plaintext/*.pcap"))


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.name)
def test_messages_come_back_from_a_pickle_and_a_copy(path: object) -> None:
    for datagram in read(str(path)):
        message = gsakmp.parse(datagram.octets, dialect=gsakmp.GDOID)
        for again in (pickle.loads(pickle.dumps(message)), copy.deepcopy(message), copy.copy(message)):
            assert again == message
            assert again.build() == datagram.octets


@pytest.mark.parametrize("doi", [*DOIS.values(), IKEV2], ids=lambda doi: doi.name)
def test_a_domain_is_itself_again(doi: gsakmp.DOI) -> None:
    assert pickle.loads(pickle.dumps(doi)) is copy.deepcopy(doi) is copy.copy(doi) is doi


def test_a_domain_of_ones_own_says_what_to_do() -> None:
    with pytest.raises(gsakmp.GsakmpError, match="octets"):
        pickle.dumps(GDOI.extended("mine"))
