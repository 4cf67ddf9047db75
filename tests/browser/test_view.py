"""The page of `gsakmp view` in a browser: what somebody sees, clicks and types.

What must be on the screen is worked out here from the recorded octets (`opening_world.recorded`), and from
the fields that RFC 6407 puts where.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gsakmp.reports.page import write_page
from tests.browser.chromium import Window, chromium, selenium
from tests.conftest import require_tool
from tests.unit.captures.opening_world import THREE_DES, recorded
from tests.unit.reports.pages import HOSTILE, altered, hostile, longest, made, many, one_host

selenium()
require_tool("chromium")
require_tool("chromedriver")

DOWN, UP, LEFT, RIGHT, ENTER, ESCAPE, TAB, END, HOME, PAGE_DOWN = (
    "\ue015", "\ue013", "\ue012", "\ue014", "\ue007", "\ue00c", "\ue004", "\ue010", "\ue011", "\ue00f",
)  # fmt: skip
PUSH_1 = "#11"
SPI_OF_KEK = "payloads[1].sa_attributes[0].spi"


@pytest.fixture(scope="module")
def browser() -> Iterator[Window]:
    with chromium() as driver:
        window = Window(driver)
        window.size(1440, 900)
        yield window


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("pages")
    (place / "long.html").write_bytes(made(longest(), name=f"{THREE_DES}.pcap"))
    (place / "altered.html").write_bytes(made(altered()))
    (place / "hostile.html").write_bytes(made(hostile(), name=HOSTILE))
    (place / "one.html").write_bytes(made(one_host()))
    (place / "empty.html").write_bytes(made([]))
    return place


@pytest.fixture
def page(browser: Window, folder: Path) -> Iterator[Window]:
    """The longest capture, at the first push. It must not complain, and not ask for anything."""
    browser.prefers("light")
    browser.open(folder / "long.html", PUSH_1)
    yield browser
    assert browser.complaints() == []
    assert all(url.startswith(("file:", "data:")) for url in browser.requests())


def marked(page: Window) -> str:
    """The marked octets that are in sight, as hex."""
    return "".join(
        page.js("return [...document.querySelectorAll('.octet.marked')].map((e) => e.textContent)")
    )


def chosen(page: Window) -> str:
    """The path of the field that is looked at."""
    return str(page.js("const c = document.querySelector('#about code'); return c ? c.textContent : ''"))


def field(page: Window, name: str, value: str = "") -> None:
    """Click on the first field of that name and value."""
    for node in page.all("#tree .field"):
        if node.find_element("css selector", ".name").text == name and value in node.text:
            node.click()
            return
    raise AssertionError(f"no field {name} {value} in sight")


def shown(page: Window) -> list[str]:
    """The labels of the ladder's rows in sight."""
    return list(page.js("return [...document.querySelectorAll('#ladder .label')].map((e) => e.textContent)"))


def choose(page: Window, selector: str, starts: str) -> None:
    """Take the option whose text starts so."""
    for option in page.all(f"{selector} option"):
        if option.text.strip().startswith(starts):
            option.click()
            return
    raise AssertionError(f"no option {starts}")


# -- what is there -------------------------------------------------------------------------------------------


def test_the_whole_capture_is_there(page: Window) -> None:
    assert page.text("h1") == f"{THREE_DES}.pcap"
    assert page.text("#counts") == "21 messages"
    assert "decrypted traffic: 17 of 21 messages" in page.text("#banner")
    assert page.one("#banner").is_displayed()
    page.js("document.getElementById('ladder').scrollTop = 0")
    page.until(lambda: "Main Mode 1" in shown(page))
    assert shown(page)[:11] == [
        *(f"Main Mode {n}" for n in range(1, 7)), *(f"Pull {n}" for n in range(1, 5)),
        f"Push 1 under {recorded(THREE_DES)['messages'][10]['icookie'][:8]}",
    ]  # fmt: skip
    first = recorded(THREE_DES)["messages"][0]
    assert page.text("#lanes .lane b") == first["src"].split(":")[0]
    assert len(page.all("#lanes .lane")) == 3
    assert page.text("#lanes .lane:last-child b") == "rekey"
    assert "239.10.1.1" in page.text("#lanes .lane:last-child small")


def test_octets_are_those_of_the_capture(page: Window) -> None:
    message = recorded(THREE_DES)["messages"][10]
    for tab, wanted in (("wire", message["wire"]), ("plaintext", message["plaintext_after_header"])):
        next(one for one in page.all("#tabs button") if one.text.startswith(tab)).click()
        in_sight = "".join(
            page.js("return [...document.querySelectorAll('.octet')].map((e) => e.textContent)")
        )
        assert len(in_sight) > 400
        assert wanted.startswith(in_sight)


def test_checks_and_events_are_shown(page: Window) -> None:
    assert "signature" in page.text(".checks")
    assert len(page.all(".check.right")) == 2
    assert "51e3d03d" in page.text(".events")


# -- linked --------------------------------------------------------------------------------------------------


def test_a_click_on_a_field_marks_its_octets(page: Window) -> None:
    plaintext = recorded(THREE_DES)["messages"][10]["plaintext_after_header"]
    spi = recorded(THREE_DES)["messages"][10]["icookie"] + recorded(THREE_DES)["messages"][10]["rcookie"]
    field(page, "destination_id_data", "239.10.1.1")
    assert marked(page) == "ef0a0101"
    page.js("document.getElementById('tree').scrollTop = 200")
    page.until(lambda: "spi" in [e.text for e in page.all("#tree .field .name")])
    field(page, "spi", "2d3036e0")
    assert chosen(page) == SPI_OF_KEK
    assert marked(page) == spi  # RFC 6407, 5.3: the push's cookies are the KEK's SPI
    at = plaintext.index(spi) // 2
    assert page.js("return document.querySelector('.octet.marked').dataset.at") == str(at)


def test_a_click_on_an_octet_marks_its_field(page: Window) -> None:
    plaintext = recorded(THREE_DES)["messages"][10]["plaintext_after_header"]
    at = plaintext.index("ef0a0101") // 2
    page.one(f"#octet-{at + 2}").click()
    assert chosen(page).endswith("destination_id_data")
    assert "239.10.1.1" in page.text("#tree .current")
    assert marked(page) == "ef0a0101"


def test_a_click_on_a_letter_does_the_same(page: Window) -> None:
    page.js("document.querySelector('.letter[data-at=\"7\"]').click()")
    assert chosen(page) == "payloads[0].sequence_number"
    assert marked(page) == "00000001"


def test_an_octet_of_what_the_tree_hides_opens_it(page: Window) -> None:
    next(one for one in page.all("#tabs button") if one.text.startswith("wire")).click()
    page.one("#octet-20").click()
    assert chosen(page) == "message_id"
    assert "message_id" in page.text("#tree .current")


def test_bits_of_one_octet_come_one_after_the_other(page: Window) -> None:
    next(one for one in page.all("#tabs button") if one.text.startswith("wire")).click()
    found = set()
    for _ in range(2):
        page.one("#octet-17").click()
        found.add(chosen(page))
    assert found == {"major_version", "minor_version"}


def test_the_address_names_what_is_looked_at(page: Window, folder: Path) -> None:
    page.one("#octet-7").click()
    address = page.driver.current_url
    assert address.endswith("#11/payloads%5B0%5D.sequence_number")
    page.open(folder / "long.html", address[address.index("#") :])
    assert chosen(page) == "payloads[0].sequence_number"
    assert marked(page) == "00000001"


# -- search and filters --------------------------------------------------------------------------------------


def search(page: Window, words: str) -> str:
    """Type it, and what the page says to it."""
    page.js("document.getElementById('search').value = ''")
    page.one("#search").send_keys(words)
    page.until(lambda: page.js("return document.getElementById('search').dataset.done") == words)
    return page.text("#found")


def holding(text: str) -> int:
    """How many of the recorded messages have these octets, on the wire or in plaintext."""
    messages = recorded(THREE_DES)["messages"]
    return sum(
        any(octets and any(octets[i : i + len(text)] == text for i in range(0, len(octets), 2))
            for octets in (message["wire"], message["plaintext_after_header"]))
        for message in messages
    )  # fmt: skip


def test_search_by_octets(page: Window) -> None:
    assert search(page, "51e3d03d") == f"{holding('51e3d03d')} messages"
    assert page.text("#counts") == f"{holding('51e3d03d')} of 21 messages"


def test_search_within_octets_that_no_text_shows(page: Window) -> None:
    plaintext = recorded(THREE_DES)["messages"][10]["plaintext_after_header"]
    signed, halves = plaintext[-200:-184], plaintext[-199:-185]
    assert holding(signed) == 1
    assert search(page, signed) == "1 message"
    page.one("#search").send_keys(ENTER)
    page.until(lambda: chosen(page).endswith("signature_data"))
    assert holding(halves) == 0
    assert search(page, halves) == "not found", "halves of octets are no octets"


def test_search_by_field_name_identity_and_value(page: Window) -> None:
    assert search(page, "key_exchange_data") == "2 messages"
    # gdoid turns the addresses of an SA TEK round; Pull 4 has none, but an event that names it
    assert search(page, "239.1.1.2") == f"{holding('020101ef') + 1} messages"
    assert search(page, "spi=51e3d03d") == f"{holding('51e3d03d')} messages"
    assert search(page, "length=51e3d03d") == "not found"
    assert search(page, "key_exchange_data no-such-word") == "not found"
    assert page.one("#none").is_displayed()
    page.press(ESCAPE)
    page.until(lambda: page.text("#counts") == "21 messages")


def test_search_goes_from_find_to_find(page: Window) -> None:
    search(page, "nonce_data")
    seen = []
    for _ in range(5):
        seen.append(
            (page.driver.current_url.partition("#")[2].partition("/")[0], chosen(page).rpartition(".")[2])
        )
        page.one("#search").send_keys(ENTER)
        time.sleep(0.2)
    assert seen == [(number, "nonce_data") for number in ("3", "4", "7", "8", "3")]


def test_the_first_find_is_marked_at_once(page: Window) -> None:
    spi = recorded(THREE_DES)["messages"][10]["icookie"] + recorded(THREE_DES)["messages"][10]["rcookie"]
    search(page, f"spi={spi}")
    assert page.text("#message-head h2") == "Push 1", "which has it, so it stays"
    assert chosen(page) == SPI_OF_KEK
    assert marked(page) == spi
    assert page.focus() == "search"
    search(page, "message_id=00000000 key_exchange")
    assert page.text("#message-head h2") == "Main Mode 3"
    search(page, "no-such-word")
    page.press(ESCAPE)
    page.until(lambda: page.text("#counts") == "21 messages")
    assert page.text("#message-head h2") == "Push 1", "from where the search began"


def test_enter_before_the_search_has_run_marks_the_first_find(page: Window) -> None:
    page.one("#search").send_keys("nonce_data", ENTER)
    page.until(lambda: page.js("return document.getElementById('search').dataset.done") == "nonce_data")
    assert page.text("#message-head h2") == "Main Mode 3"
    assert chosen(page).endswith("nonce_data")


def test_filters(page: Window) -> None:
    choose(page, "#by-exchange", "GROUPKEY-PUSH")
    assert page.text("#counts") == "11 of 21 messages"
    choose(page, "#by-peer", "10.0.224.37")
    assert page.text("#counts") == "0 of 21 messages"
    choose(page, "#by-exchange", "All")
    assert page.text("#counts") == "10 of 21 messages"
    choose(page, "#by-status", "not encrypted")
    assert page.text("#counts") == "4 of 21 messages"
    page.one("#clear").click()
    assert page.text("#counts") == "21 messages"
    assert not page.one("#clear").is_displayed()


def test_what_failed_and_what_was_sent_again(browser: Window, folder: Path) -> None:
    browser.open(folder / "altered.html")
    browser.one("#by-failure").click()
    assert browser.text("#counts") == "1 of 22 messages"
    assert [label.partition(" under ")[0] for label in shown(browser)] == ["Push 2"]
    browser.until(lambda: browser.all(".check.wrong"))
    assert "signature" in browser.text(".check.wrong")
    browser.press(ESCAPE)
    browser.until(lambda: browser.text("#counts") == "22 messages")
    browser.js("document.getElementById('ladder').scrollTop = 400")
    browser.until(lambda: browser.all("#message-13"))
    browser.one("#message-13").click()
    browser.until(lambda: "sent again" in browser.text("#message-head"))
    browser.one("#message-head .link").click()
    browser.until(lambda: browser.js("return document.querySelector('#ladder .current').id") == "message-12")
    assert browser.complaints() == []


# -- keyboard ------------------------------------------------------------------------------------------------


def test_the_keyboard_reaches_everything(page: Window) -> None:
    assert page.focus() == "ladder"
    order = []
    for _ in range(20):
        page.press(TAB)
        order.append(page.js("return document.activeElement.id || document.activeElement.className"))
        if order[-1] == "octets":
            break
    assert [one for one in order if one in ("tree", "octets", "everything", "copy", "tab-1")] == [
        "everything", "tree", "tab-1", "copy", "octets",
    ]  # fmt: skip
    page.js("document.getElementById('theme').focus()")
    order = []
    for _ in range(8):
        page.press(TAB)
        order.append(page.focus())
    assert order == [
        "help-open", "search", "by-exchange", "by-peer", "by-status", "by-failure", "ladder", "",
    ]  # fmt: skip


def test_keys_of_the_ladder(page: Window) -> None:
    page.press(HOME)
    page.until(lambda: "Main Mode 1" in page.text("#message-head h2"))
    page.press(DOWN, DOWN)
    page.until(lambda: page.text("#message-head h2") == "Main Mode 3")
    assert (
        page.js("return document.getElementById('ladder').getAttribute('aria-activedescendant')")
        == "message-2"
    )
    assert page.one("#message-2").get_attribute("aria-selected") == "true"
    page.press(END)
    page.until(lambda: page.text("#message-head h2") == "Push 11")
    page.press("k")
    page.until(lambda: page.text("#message-head h2") == "Push 10")
    page.press("j", ENTER)
    page.until(lambda: page.text("#message-head h2") == "Push 11")
    assert page.focus() == "tree"


def test_keys_of_the_tree(page: Window) -> None:
    page.press("2", HOME)
    assert chosen(page) == "header"
    node = "#tree .current"
    assert page.one(node).get_attribute("aria-expanded") == "false"
    page.press(RIGHT)
    assert page.one(node).get_attribute("aria-expanded") == "true"
    page.press(RIGHT)
    assert chosen(page) == "initiator_cookie"
    assert page.one(node).get_attribute("aria-level") == "2"
    assert marked(page) == recorded(THREE_DES)["messages"][10]["icookie"]
    page.press(LEFT)
    assert chosen(page) == "header"
    page.press(LEFT, DOWN)
    assert chosen(page) == "ciphertext"
    before = len(page.all("#tree .field"))
    page.press("a")
    assert "length" in [e.text for e in page.all("#tree .field .name")]
    page.press("a")
    assert len(page.all("#tree .field")) == before


def test_keys_of_the_octets(page: Window) -> None:
    page.press("3")
    assert page.focus() == "octets"
    page.press(RIGHT, RIGHT, RIGHT, RIGHT)
    assert chosen(page) == "payloads[0].sequence_number"
    assert (
        page.js("return document.getElementById('octets').getAttribute('aria-activedescendant')") == "octet-4"
    )
    page.press(DOWN)
    assert "octet 20" in page.text("#place")
    page.press("o")
    assert page.one("#tabs [aria-selected=true]").text.startswith("wire")


def test_help_and_search_by_key(page: Window) -> None:
    page.press("?")
    assert page.one("#help").is_displayed()
    for word in ("/", "Esc", "next and previous message"):
        assert word in page.text("#help")
    page.press(ESCAPE)
    page.until(lambda: not page.one("#help").is_displayed())
    page.press("/")
    assert page.focus() == "search"
    page.press("f")
    assert page.js("return document.getElementById('by-failure').checked") is False


def test_roles(page: Window) -> None:
    for host, role, inner in (
        ("ladder", "listbox", "option"),
        ("tree", "tree", "treeitem"),
        ("octets", "grid", "row"),
    ):
        assert page.one(f"#{host}").get_attribute("role") == role
        assert page.all(f"#{host} [role={inner}]")
    assert page.one("#ladder .current").get_attribute("aria-posinset") == "11"
    assert page.one("#ladder .current").get_attribute("aria-setsize") == "21"
    assert "Push 1" in page.one("#ladder .current").get_attribute("aria-label")
    assert page.all("#octets [role=row] [role=gridcell]")


# -- looks ---------------------------------------------------------------------------------------------------


def ground(page: Window) -> tuple[int, ...]:
    text = page.js("return getComputedStyle(document.body).backgroundColor")
    return tuple(int(part) for part in text[4:-1].split(","))


def test_light_and_dark(page: Window) -> None:
    assert min(ground(page)) > 200
    page.prefers("dark")
    assert max(ground(page)) < 60
    page.one("#theme").click()
    assert min(ground(page)) > 200, "light was asked for, whatever the system says"
    page.prefers("light")
    page.one("#theme").click()
    assert max(ground(page)) < 60, "and dark"
    page.one("#theme").click()
    assert min(ground(page)) > 200, "and as the system has it"


def test_a_narrow_window(page: Window) -> None:
    page.size(600, 900)
    try:
        assert page.js("return document.documentElement.scrollWidth <= innerWidth")
        tops = [page.one(f"#{name}-pane").rect["y"] for name in ("ladder", "message", "octets")]
        assert tops == sorted(tops)
        assert len(set(tops)) == 3
    finally:
        page.size(1440, 900)


SIZES = [(1280, 720), (1440, 900), (1920, 1080)]


@pytest.mark.parametrize("name", ["long", "one"])
@pytest.mark.parametrize(("width", "height"), SIZES)
def test_there_is_room_for_what_matters(
    browser: Window, folder: Path, name: str, width: int, height: int
) -> None:
    browser.size(width, height)
    try:
        browser.open(folder / f"{name}.html", PUSH_1 if name == "long" else "")
        wide = {pane: browser.one(f"#{pane}-pane").rect["width"] for pane in ("ladder", "message", "octets")}
        assert max(wide, key=lambda pane: wide[pane]) == "message", wide
        assert not browser.one("#about").is_displayed()
        high = browser.js("return document.getElementById('tree').clientHeight")
        assert high > 0.5 * height, "the fields have most of the window's height"
        head = browser.one("#message-head")
        assert browser.js("return arguments[0].scrollHeight <= arguments[0].clientHeight", head)
        assert browser.one("#message-head .status").rect["height"] < 30, "in one line"
        browser.press("2", HOME)
        assert browser.one("#about").is_displayed()
        assert browser.js("return document.documentElement.scrollWidth <= innerWidth")
    finally:
        browser.size(1440, 900)


def test_members_that_share_a_host(browser: Window, folder: Path) -> None:
    browser.size(1280, 720)
    try:
        browser.open(folder / "one.html")
        assert browser.text("#counts") == "4 messages and 3 ESP packets"
        heads = browser.js("return [...document.querySelectorAll('#lanes b')].map((e) => e.textContent)")
        assert [head.partition(".")[0] for head in heads] == [
            "gcks",
            "alice",
            "carol",
            "bob",
            "rekey",
            "data",
        ]
        fits = (
            "return [...document.querySelectorAll('#lanes b')].every((e) => e.scrollWidth <= e.clientWidth)"
        )
        assert browser.js(fits)
        browser.press(END)
        browser.until(lambda: browser.text("#message-head h2") == "ESP 1")
        browser.until(lambda: "alice.demo, 127.0.0.1:38507" in browser.text("#message-head .ends"))
        choose(browser, "#by-exchange", "ESP")
        assert browser.text("#counts") == "0 of 4 messages, 3 ESP packets"
        choose(browser, "#by-peer", "bob.demo")
        assert browser.text("#counts") == "0 of 4 messages, 1 of 3 ESP packets"
        assert browser.complaints() == []
    finally:
        browser.size(1440, 900)


def test_what_was_never_encrypted_says_so(page: Window) -> None:
    page.press(HOME)
    page.until(lambda: page.text("#message-head h2") == "Main Mode 1")
    assert page.text("#message-head .status") == "not encrypted"
    assert "not encrypted" in page.one("#ladder .current").get_attribute("aria-label")


# -- hostile, empty, large -----------------------------------------------------------------------------------


def test_a_hostile_capture_is_text(browser: Window, folder: Path) -> None:
    browser.open(folder / "hostile.html")
    field(browser, "identification_data")
    assert browser.driver.title != "taken"
    assert browser.text("h1").startswith("</script><script>")
    assert "</script><script>" in browser.text("#message-head")
    assert "\\u202e" in browser.text("#message-head")
    assert "\u202e" not in browser.text("body")
    assert browser.all("img") == []
    browser.press("2", DOWN, "*")
    assert browser.complaints() == []


def test_an_empty_capture(browser: Window, folder: Path) -> None:
    browser.open(folder / "empty.html")
    assert browser.text("#counts") == "0 messages"
    browser.press(DOWN, ENTER, DOWN, "o", "c", "a", "n", "j", "3", RIGHT)
    browser.press("/", "x", ENTER)
    assert browser.complaints() == []


@pytest.mark.slow
def test_ten_thousand_messages(browser: Window, tmp_path: Path) -> None:
    path = tmp_path / "large.html"
    with path.open("wb") as file:
        assert write_page(many(10_000), file).messages == 10_000
    begin = time.monotonic()
    browser.open(path)
    assert time.monotonic() - begin < 10, "2 s on a machine with nothing else to do"
    assert browser.text("#counts") == "10,000 messages"
    assert len(browser.all("#ladder .message")) < 60
    browser.press(END)
    browser.until(lambda: browser.text("#ladder .current small") == "#10000")
    browser.until(lambda: browser.driver.current_url.endswith("#10000"))
    assert len(browser.all("#ladder .message")) < 60
    wanted = sum(1 for place in range(10_000) if place % 21 in (2, 3))
    assert search(browser, "key_exchange_data") == f"{wanted} messages"
    assert browser.complaints() == []
