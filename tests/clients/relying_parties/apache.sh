# Apache with mod_auth_openidc. Sourced by relying_parties.sh.
# shellcheck shell=bash disable=SC2034,SC2154

describe_apache() {
  heading="Apache with mod_auth_openidc"
  client=intranet
  callback=/oidc
  sign_out=("$app/oidc?logout=$app/signed-out")
  cancelled="access_denied"
  wrong_secret="OpenID Connect Provider error"
}

# start_apache SECRET: refreshes one second after a token was issued.
start_apache() {
  {
    server_apache
    block "$heading" apache | sed -e "s|SECRET|\"$1\"|" -e "s|PASSPHRASE|$(openssl rand -hex 32)|" \
      -e 's|60 logout_on_error|899 logout_on_error|'
  } >"$folder/apache.conf"
  start apache "$app/" apache2 -d "$folder" -f "$folder/apache.conf" -D FOREGROUND
}

# The configuration that the operating system's package brings.
server_apache() {
  local module modules=/usr/lib/apache2/modules
  for module in mpm_event authn_core authz_core authz_user auth_openidc proxy proxy_http rewrite; do
    echo "LoadModule ${module}_module $modules/mod_$module.so"
  done
  cat <<CONFIGURATION
ServerName localhost
Listen 127.0.0.1:${app##*:}
PidFile $folder/apache.pid
DefaultRuntimeDir $folder
ErrorLog $log
LogLevel info
CONFIGURATION
  ((UID)) || echo "User www-data"
}

check_apache() {
  check_refreshing
}
