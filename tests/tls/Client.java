import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/** Signs in and refreshes with Java's HTTP client over TLS. Arguments: URL PASSWORD. */
class Client {
    private static final Pattern REFRESH_TOKEN = Pattern.compile("\"refresh_token\":\"([^\"]+)\"");

    public static void main(String[] arguments) throws Exception {
        for (var version : HttpClient.Version.values()) {
            var client = HttpClient.newBuilder().version(version).build();
            var signIn = Map.of("grant_type", "password", "username", "admin", "password", arguments[1]);
            var match = REFRESH_TOKEN.matcher(token(client, arguments[0], signIn).body());
            if (!match.find()) {
                throw new IllegalStateException("no refresh token");
            }
            var refresh = Map.of("grant_type", "refresh_token", "refresh_token", match.group(1));
            var response = token(client, arguments[0], refresh);
            if (response.version() != version) {
                throw new IllegalStateException("the version is " + response.version());
            }
            System.out.println("ok Java: sign-in and refresh over " + version + " and "
                + response.sslSession().orElseThrow().getProtocol());
        }
    }

    private static HttpResponse<String> token(HttpClient client, String issuer, Map<String, String> form)
        throws Exception {
        var body = form.entrySet().stream()
            .map(field -> field.getKey() + "=" + URLEncoder.encode(field.getValue(), StandardCharsets.UTF_8))
            .collect(Collectors.joining("&", "client_id=first-party&", ""));
        var request = HttpRequest.newBuilder(URI.create(issuer + "/token"))
            .header("Content-Type", "application/x-www-form-urlencoded")
            .POST(BodyPublishers.ofString(body))
            .build();
        var response = client.send(request, BodyHandlers.ofString());
        if (response.statusCode() != 200) {
            throw new IllegalStateException(response.statusCode() + " " + response.body());
        }
        return response;
    }
}
