#!/usr/bin/env python3
"""An API behind a proxy: returns the method, the length of the body, and the headers that the proxy is to set.

    upstream.py PORT
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HEADERS = ("X-Auth-Subject", "X-Auth-Scope", "X-Auth-Roles")


class Api(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        seen = {name: self.headers.get(name) or "" for name in HEADERS}
        # In any spelling that a CGI program would take for the same header.
        roles = [value for name, value in self.headers.items() if name.lower().replace("_", "-") == "x-auth-roles"]
        seen["roles"] = roles
        seen |= {"method": self.command, "path": self.path, "body": len(body)}
        data = json.dumps(seen).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PUT = do_DELETE = do_OPTIONS = answer


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Api).serve_forever()
