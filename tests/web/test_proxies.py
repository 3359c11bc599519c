import pytest
from uvicorn.middleware import proxy_headers

from jwtapi.web.proxies import MAX_HOPS
from tests.conftest import RunApi, on_sqlite

PRIVATE = ", ".join(f"10.{n // 250}.{n % 250}.1" for n in range(5000))


@on_sqlite
@pytest.mark.parametrize(
    ("forwarded", "client"),
    (
        (f"{PRIVATE}, 198.51.100.1", "198.51.100.1"),
        (f"198.51.100.2, {PRIVATE}", "10.19.230.1"),
        (PRIVATE, "10.19.230.1"),
        (f"198.51.100.2, {', '.join(['10.0.0.1'] * (MAX_HOPS - 1))}", "198.51.100.2"),
        ("198.51.100.1", "198.51.100.1"),
    ),
)
async def test_only_the_nearest_hops_of_x_forwarded_for_are_read(
    run_api: RunApi, monkeypatch: pytest.MonkeyPatch, forwarded: str, client: str
) -> None:
    looked_at = []
    trusts = proxy_headers._TrustedHosts.__contains__  # noqa: SLF001  what takes the time

    def spy(self: proxy_headers._TrustedHosts, host: str | None) -> bool:
        looked_at.append(host)
        return trusts(self, host)

    monkeypatch.setattr(proxy_headers._TrustedHosts, "__contains__", spy)  # noqa: SLF001
    async with run_api(trusted_proxies="10.0.0.0/8") as api:
        answer = await api.client("10.1.1.1").post(
            "/login", json={"username": "nobody", "password": "x"}, headers={"X-Forwarded-For": forwarded}
        )
        assert answer.status_code == 401
        assert [event.address for event in await api.events(None)] == [client]
    assert len(looked_at) <= 1 + MAX_HOPS


PEER = "10.1.1.1"


@on_sqlite
@pytest.mark.parametrize(
    ("forwarded", "client"),
    (
        ("192.0.2.1:5678", "192.0.2.1"),
        ("[2001:DB8::1]:80", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("2001:db8:0:0:0:0:0:1", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("192.0.2.1, ::ffff:10.0.0.1", "192.0.2.1"),
        ("192.0.2.1, 10.0.0.1:5678", "192.0.2.1"),
        ("garbage", PEER),
        ("", PEER),
        ("unknown", PEER),
        ("_hidden", PEER),
        ("192.0.2.1:", PEER),
        ("192.0.2.1:http", PEER),
        ("192.0.2.1%eth0", PEER),
        ("192.0.2", PEER),
        ("localhost", PEER),
        ("x" * 1000, PEER),
        ("192.0.2.1, garbage", PEER),
        ("192.0.2.1, garbage, 10.0.0.1", "10.0.0.1"),
        ("garbage, 192.0.2.1", "192.0.2.1"),
        ("10.0.0.2, 10.0.0.1", "10.0.0.2"),
    ),
)
async def test_an_entry_of_x_forwarded_for_that_is_no_address_is_ignored(
    run_api: RunApi, forwarded: str, client: str
) -> None:
    async with run_api(trusted_proxies="10.0.0.0/8") as api:
        await api.client(PEER).post(
            "/login", json={"username": "nobody", "password": "x"}, headers={"X-Forwarded-For": forwarded}
        )
        assert [event.address for event in await api.events(None)] == [client]
