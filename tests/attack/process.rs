use std::process::{Command, Output};

fn config_with(name: &str, value: &str) -> Output {
    let directory = tempfile::tempdir().unwrap();
    Command::new(env!("CARGO_BIN_EXE_jeton"))
        .arg("config")
        .current_dir(directory.path())
        .env_remove("JETON_TEST_DATABASE_URL")
        .env(name, value)
        .output()
        .unwrap()
}

/// "A wrong value is told with its name"; a secret's value is not told. These are the
/// names that somebody tries who did not read about the two underscores.
#[test]
fn a_secret_under_a_wrong_name_is_not_printed() {
    let secret = "hunter2-hunter2-hunter2";
    let url = format!("postgres://jeton:{secret}@db/jeton");
    let shown: Vec<&str> = [
        ("JETON_ROOT_SECRET", secret),
        ("JETON_BOOTSTRAP", secret),
        ("JETON_PASSWORD", secret),
        ("JETON_DATABASE__URL", &url),
        ("JETON_DATABASE", &url),
    ]
    .into_iter()
    .filter(|(name, value)| {
        let output = config_with(name, value);
        let text = [output.stdout, output.stderr].concat();
        String::from_utf8(text).unwrap().contains(secret)
    })
    .map(|(name, _)| name)
    .collect();
    assert_eq!(shown, [""; 0]);
}

/// Kubernetes puts these into every pod of a namespace that has a Service named `jeton`; they are no
/// settings.
#[test]
fn a_service_named_jeton_does_not_keep_the_server_from_starting() {
    for (name, value) in [
        ("JETON_SERVICE_HOST", "10.0.0.1"),
        ("JETON_SERVICE_PORT", "8080"),
        ("JETON_PORT", "tcp://10.0.0.1:8080"),
        ("JETON_PORT_8080_TCP_ADDR", "10.0.0.1"),
    ] {
        let output = config_with(name, value);
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{name}: {told}");
    }
}
