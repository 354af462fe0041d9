"""Signs in and refreshes with Python's http.client over TLS. Arguments: URL PASSWORD. Trusts SSL_CERT_FILE."""

import http.client
import json
import ssl
import sys
from urllib.parse import urlencode, urlsplit

address = urlsplit(sys.argv[1]).netloc
for version in (ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_2):
    context = ssl.create_default_context()
    context.maximum_version = version
    connection = http.client.HTTPSConnection(address, context=context, timeout=20)

    def token(**form: str) -> dict:
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        connection.request("POST", "/token", urlencode({"client_id": "first-party", **form}), headers)
        response = connection.getresponse()
        body = json.load(response)
        assert response.status == 200, body
        return body

    tokens = token(grant_type="password", username="admin", password=sys.argv[2])
    token(grant_type="refresh_token", refresh_token=tokens["refresh_token"])
    print(f"ok Python: sign-in and refresh over {connection.sock.version()}")
