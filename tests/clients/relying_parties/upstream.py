#!/usr/bin/env python3
"""An application behind a proxy: its page shows the user whom the proxy names.

    upstream.py PORT
"""

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HEADERS = ("X-Remote-User", "X-Forwarded-Preferred-Username")


class Page(BaseHTTPRequestHandler):
    def do_GET(self):
        user = next((self.headers[name] for name in HEADERS if name in self.headers), None)
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.end_headers()
        self.wfile.write(f"user: {user}\n".encode() if user else b"signed out\n")


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Page).serve_forever()
