"""Clients that refresh their sessions until a file exists: the load of a restart.

Usage: restart_load.py STARTED_FILE END_FILE. Half of the clients keep their connections, until a response says that the
server closes it; the others open one for each request. Prints the figures; the exit code is 1 if a request failed.
"""

import http.client
import json
import os
import sys
import threading
import time
import urllib.parse

CLIENTS = 16
PAUSE = 0.02
HOST = "127.0.0.1:8080"


class Client(threading.Thread):
    def __init__(self, keeps, end_file):
        super().__init__()
        self.keeps = keeps
        self.end_file = end_file
        self.connection = None
        self.connections = 0
        self.answered = 0
        self.failures = []
        self.token = self.request(
            grant_type="password",
            username="admin",
            password="correct horse battery staple",
        )

    def run(self):
        while not os.path.exists(self.end_file):
            try:
                self.token = self.request(
                    grant_type="refresh_token", refresh_token=self.token
                )
                self.answered += 1
            except (OSError, http.client.HTTPException, ValueError) as error:
                self.failures.append(repr(error))
                self.connection = None
            time.sleep(PAUSE)

    def request(self, **parameters):
        if self.connection is None:
            self.connection = http.client.HTTPConnection(HOST, timeout=30)
            # Otherwise the library opens a new connection without a word.
            self.connection.auto_open = 0
            self.connection.connect()
            self.connections += 1
        form = urllib.parse.urlencode({"client_id": "first-party", **parameters})
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        self.connection.request("POST", "/token", form, kind)
        response = self.connection.getresponse()
        closes = response.will_close
        body = response.read()
        if closes or not self.keeps:
            self.connection.close()
            self.connection = None
        if response.status != 200:
            raise ValueError(f"{response.status}: {body}")
        return json.loads(body)["refresh_token"]


def main():
    started_file, end_file = sys.argv[1:]
    clients = [Client(number % 2 == 0, end_file) for number in range(CLIENTS)]
    for client in clients:
        client.start()
    open(started_file, "w").close()
    for client in clients:
        client.join()
    failures = [failure for client in clients for failure in client.failures]
    answered = sum(client.answered for client in clients)
    connections = sum(client.connections for client in clients)
    print(f"{answered} refreshes by {connections} connections, {len(failures)} failed")
    for failure in failures[:10]:
        print(failure)
    sys.exit(1 if failures or answered < CLIENTS else 0)


main()
