"""Compares the times of two kinds of requests that get the same response: timing.py ISSUER PAIRS.

The two of a pair follow each other, in random order, on one connection. Reported are the medians, the median of the
differences within pairs with its 95 % confidence interval (by the sign test), and Welch's t without the slowest tenth.
An interval that has 0, or |t| below 4.5, shows no difference.
"""

import base64
import http.client
import math
import random
import statistics
import sys
import time
import urllib.parse
from collections.abc import Callable

Request = Callable[[int], tuple[dict[str, str], dict[str, str]]]
HOST = urllib.parse.urlsplit(sys.argv[1]).netloc
PAIRS = int(sys.argv[2])


def sign_in(name: str) -> Request:
    """A sign-in with a password that is wrong, and another one each time."""

    def request(number: int) -> tuple[dict[str, str], dict[str, str]]:
        password = f"wrong password {random.getrandbits(64):016x}"
        return {}, {"grant_type": "password", "username": f"{name}-{number}", "password": password}

    return request


def client(name: str) -> Request:
    """An introspection with a client secret that is wrong."""

    def request(number: int) -> tuple[dict[str, str], dict[str, str]]:
        secret = f"jcs_{random.getrandbits(192):048x}"[:47]
        authorization = base64.b64encode(f"{name}:{secret}".encode()).decode()
        return {"authorization": f"Basic {authorization}"}, {"token": "x"}

    return request


def compare(title: str, path: str, kinds: dict[str, Request]) -> None:
    connection = http.client.HTTPConnection(HOST)
    times: dict[str, list[float]] = {name: [] for name in kinds}
    responses: dict[str, set[tuple[int, bytes]]] = {name: set() for name in kinds}
    for number in range(PAIRS):
        for name in random.sample(list(kinds), 2):
            headers, form = kinds[name](number)
            headers["content-type"] = "application/x-www-form-urlencoded"
            body = urllib.parse.urlencode(form)
            begin = time.perf_counter()
            connection.request("POST", path, body, headers)
            response = connection.getresponse()
            answer = response.read()
            times[name].append((time.perf_counter() - begin) * 1e6)
            responses[name].add((response.status, answer))
    (first, one), (second, other) = times.items()
    assert responses[first] == responses[second], f"{title}: the responses differ: {responses}"
    assert len(responses[first]) == 1, f"{title}: several responses: {responses}"
    low, middle, high = interval([x - y for x, y in zip(one, other, strict=True)])
    print(f"{title}, {PAIRS} pairs, each with {responses[first].pop()[0]}:")
    for name in kinds:
        print(f"  {name:16} median {statistics.median(times[name]):9.1f} µs")
    t = welch(one, other)
    print(f"  difference       median {middle:9.1f} µs, 95 % between {low:.1f} and {high:.1f} µs; t = {t:.2f}")


def interval(differences: list[float]) -> tuple[float, float, float]:
    """The median and its 95 % confidence interval, without an assumption about the distribution."""
    differences = sorted(differences)
    half = 0.98 * math.sqrt(len(differences))
    middle = len(differences) / 2
    low, high = math.floor(middle - half), math.ceil(middle + half)
    return differences[low], statistics.median(differences), differences[high - 1]


def welch(one: list[float], other: list[float]) -> float:
    one, other = (sorted(times)[: len(times) * 9 // 10] for times in (one, other))
    variance = statistics.variance(one) / len(one) + statistics.variance(other) / len(other)
    return (statistics.mean(one) - statistics.mean(other)) / math.sqrt(variance)


def main() -> None:
    users = {"wrong password": sign_in("known"), "unknown user": sign_in("unknown")}
    compare("A user", "/token", users)
    users = {"wrong password": sign_in("known"), "disabled user": sign_in("disabled")}
    compare("A disabled user", "/token", users)
    clients = {"wrong secret": client("backend"), "unknown client": client("missing")}
    compare("A client", "/introspect", clients)
    # Two halves of one kind: what the method itself shows.
    compare("The same request twice", "/introspect", {"one": client("backend"), "other": client("backend")})


main()
