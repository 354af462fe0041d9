# Spring Boot. Sourced by relying_parties.sh.
# shellcheck shell=bash disable=SC2034,SC2154

describe_spring() {
  heading="Spring Boot"
  callback=/login/oauth2/code/jeton
  sign_out=("$app/" --submit)
  cancelled="You are not signed in"
  wrong_secret="You are not signed in"
  cp -r "$here/spring/pom.xml" "$here/spring/src" "$folder"
  mvn --quiet --batch-mode --file "$folder/pom.xml" package >"$folder/mvn.log" 2>&1 ||
    fail "the application was not built" "$folder/mvn.log"
}

# start_spring SECRET
start_spring() {
  block properties | sed "s|SECRET|$1|" >"$folder/application.properties"
  (
    cd "$folder" || exit
    exec java -jar target/app.jar "--server.port=${app##*:}" --server.address=127.0.0.1
  ) >>"$folder/log" 2>&1 &
  await_software $! "$folder/log"
}

check_spring() {
  check "the document has the code of this application" code_is_documented
}

# Every line of the document's code is in the application.
code_is_documented() {
  local line lines=0
  while read -r line; do
    grep --quiet --fixed-strings -- "$line" "$folder/src/main/java/example/App.java" || return 1
    lines=$((lines + 1))
  done < <(block java)
  ((lines > 10))
}
