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

/// A wrong setting is reported with its value, unless that is a secret. These names lack the second underscore.
#[test]
fn a_secret_under_a_wrong_name_is_not_printed() {
    let secret = "hunter2-hunter2-hunter2";
    let url = format!("postgres://jeton:{secret}@db/jeton");
    let printed: Vec<&str> = [
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
    assert_eq!(printed, [""; 0]);
}

/// Kubernetes sets these variables in every pod of a namespace with a Service named `jeton`.
#[test]
fn the_variables_of_a_kubernetes_service_named_jeton_are_not_settings() {
    for (name, value) in [
        ("JETON_SERVICE_HOST", "10.0.0.1"),
        ("JETON_SERVICE_PORT", "8080"),
        ("JETON_PORT", "tcp://10.0.0.1:8080"),
        ("JETON_PORT_8080_TCP_ADDR", "10.0.0.1"),
    ] {
        let output = config_with(name, value);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{name}: {stderr}");
    }
}
