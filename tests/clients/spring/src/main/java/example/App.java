package example;

import org.apache.commons.logging.LogFactory;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.context.annotation.Bean;
import org.springframework.security.config.annotation.web.builders.HttpSecurity;
import org.springframework.security.core.annotation.AuthenticationPrincipal;
import org.springframework.security.oauth2.client.oidc.web.logout.OidcClientInitiatedLogoutSuccessHandler;
import org.springframework.security.oauth2.client.registration.ClientRegistrationRepository;
import org.springframework.security.oauth2.core.oidc.user.OidcUser;
import org.springframework.security.web.SecurityFilterChain;
import org.springframework.security.web.csrf.CsrfToken;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.util.HtmlUtils;

/** An app whose page shows the user and a button to sign out. */
@RestController
@SpringBootApplication
public class App {
  public static void main(String[] arguments) {
    SpringApplication.run(App.class, arguments);
  }

  @Bean
  SecurityFilterChain security(HttpSecurity http, ClientRegistrationRepository clients) throws Exception {
    var signOut = new OidcClientInitiatedLogoutSuccessHandler(clients);
    signOut.setPostLogoutRedirectUri("{baseUrl}/");
    return http
      .authorizeHttpRequests(requests -> requests
        .requestMatchers("/sign-in-failed").permitAll()
        .anyRequest().authenticated())
      .oauth2Login(login -> login.failureHandler((request, response, failure) -> {
        LogFactory.getLog("sign-in").warn(failure); // has the reason, such as invalid_client
        response.sendRedirect("/sign-in-failed");
      }))
      .logout(logout -> logout.logoutSuccessHandler(signOut))
      .build();
  }

  @GetMapping("/")
  String page(@AuthenticationPrincipal OidcUser user, CsrfToken csrf) {
    return """
      <p>user: %s</p>
      <form action="/logout" method="post">
        <input type="hidden" name="%s" value="%s">
        <button>Sign out</button>
      </form>
      """.formatted(HtmlUtils.htmlEscape(user.getName()), csrf.getParameterName(), csrf.getToken());
  }

  @GetMapping("/sign-in-failed")
  String failed() {
    return "<p>You are not signed in. <a href='/'>Try again</a></p>";
  }
}
