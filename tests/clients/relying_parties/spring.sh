# Spring Boot. Sourced by relying_parties.sh.
# shellcheck shell=bash disable=SC2034,SC2154

describe_spring() {
  heading="Spring Boot"
  client=shop
  callback=/login/oauth2/code/jeton
  sign_out=("$app/" --submit)
  cancelled="You are not signed in"
  wrong_secret="You are not signed in"
  cp -r "$here/spring/pom.xml" "$here/spring/src" "$folder"
  mvn --quiet --batch-mode --file "$folder/pom.xml" package >"$work/mvn.log" 2>&1 ||
    fail "the application was not built" "$work/mvn.log"
}

# start_spring SECRET
start_spring() {
  block "$heading" properties | sed "s|SECRET|$1|" >"$folder/application.properties"
  start spring "$app/" env -C "$folder" \
    java -jar target/app.jar "--server.port=${app##*:}" --server.address=127.0.0.1
}

check_spring() {
  check "the document has code of this application" \
    is_part_of "$heading" java "$folder/src/main/java/example/App.java"
}
