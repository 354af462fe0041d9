//! What was released goes on working: the document is compared with the last one that was released.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::written;

/// Who writes what a schema describes.
#[derive(Clone, Copy, PartialEq)]
enum Written {
    ByClients,
    ByUs,
}

/// Two documents, the older one first.
struct Contract<'a> {
    old: &'a Value,
    new: &'a Value,
    broken: Vec<String>,
}

/// What of `old` somebody may rely on that `new` does not keep.
fn broken(old: &Value, new: &Value) -> Vec<String> {
    let mut contract = Contract {
        old,
        new,
        broken: Vec::new(),
    };
    for (path, operations) in members(&old["paths"]) {
        for (method, operation) in members(operations) {
            let what = format!("{method} {path}");
            match new["paths"][path].get(method) {
                Some(now) => contract.operation(&what, operation, now),
                None => contract.says(format!("{what} is gone")),
            }
        }
    }
    contract.broken
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn items(value: &Value) -> BTreeSet<String> {
    value
        .as_array()
        .into_iter()
        .flatten()
        .map(Value::to_string)
        .collect()
}

fn resolved<'a>(document: &'a Value, part: &'a Value) -> &'a Value {
    let reference = part["$ref"].as_str();
    let reference = reference.or_else(|| part["allOf"][0]["$ref"].as_str());
    reference.map_or(part, |at| {
        document.pointer(at.trim_start_matches('#')).unwrap()
    })
}

impl Contract<'_> {
    fn says(&mut self, what: String) {
        self.broken.push(what);
    }

    fn operation(&mut self, what: &str, old: &Value, new: &Value) {
        if old["operationId"] != new["operationId"] {
            self.says(format!("{what} is called {} now", new["operationId"]));
        }
        let lost = items(&old["security"])
            .difference(&items(&new["security"]))
            .count();
        if lost > 0 {
            self.says(format!("{what} asks others who may call it"));
        }
        self.parameters(what, old, new);
        let content = |operation: &Value| operation["requestBody"]["content"].clone();
        if old.get("requestBody").is_none() && new["requestBody"]["required"] == true {
            self.says(format!("{what} needs a body"));
        }
        self.content(
            &format!("{what} body"),
            &content(old),
            &content(new),
            Written::ByClients,
        );
        for (status, response) in members(&old["responses"]) {
            let what = format!("{what} {status}");
            let now = &new["responses"][status];
            // To be refused less is no loss.
            if now.is_null() && status.starts_with('2') {
                self.says(format!("{what} is gone"));
            } else if !now.is_null() {
                self.content(&what, &response["content"], &now["content"], Written::ByUs);
                for (header, _) in members(&response["headers"]) {
                    if now["headers"].get(header).is_none() {
                        self.says(format!("{what} has no {header}"));
                    }
                }
            }
        }
    }

    fn parameters(&mut self, what: &str, old: &Value, new: &Value) {
        let named = |operation: &Value, like: &Value| {
            let all = operation["parameters"]
                .as_array()
                .cloned()
                .unwrap_or_default();
            let mut all = all.into_iter();
            all.find(|one| one["name"] == like["name"] && one["in"] == like["in"])
        };
        for parameter in old["parameters"].as_array().into_iter().flatten() {
            let what = format!("{what} parameter {}", parameter["name"]);
            match named(new, parameter) {
                None => self.says(format!("{what} is gone")),
                Some(now) => {
                    if now["required"] == true && parameter["required"] != true {
                        self.says(format!("{what} is required"));
                    }
                    self.schema(
                        &what,
                        &parameter["schema"],
                        &now["schema"],
                        Written::ByClients,
                    );
                }
            }
        }
        for parameter in new["parameters"].as_array().into_iter().flatten() {
            if parameter["required"] == true && named(old, parameter).is_none() {
                self.says(format!("{what} needs a parameter {}", parameter["name"]));
            }
        }
    }

    fn content(&mut self, what: &str, old: &Value, new: &Value, written: Written) {
        for (media_type, body) in members(old) {
            match new.get(media_type) {
                Some(now) => self.schema(what, &body["schema"], &now["schema"], written),
                None => self.says(format!("{what} is no {media_type}")),
            }
        }
    }

    fn schema(&mut self, what: &str, old: &Value, new: &Value, written: Written) {
        let (old, new) = (resolved(self.old, old), resolved(self.new, new));
        for name in ["type", "format"] {
            if old[name] != new[name] {
                self.says(format!(
                    "{what} has the {name} {}, not {}",
                    new[name], old[name]
                ));
            }
        }
        let (before, now) = (items(&old["enum"]), items(&new["enum"]));
        let strangers = match written {
            Written::ByClients if !now.is_empty() || before.is_empty() => {
                before.difference(&now).count() + usize::from(before.is_empty() && !now.is_empty())
            }
            Written::ByUs => now.difference(&before).count(),
            Written::ByClients => 0,
        };
        if strangers > 0 && (written == Written::ByClients || !before.is_empty()) {
            self.says(format!("{what} has other values: {}", new["enum"]));
        }
        let may_be_null = |schema: &Value| schema["nullable"] == true;
        match written {
            Written::ByClients => {
                if may_be_null(old) && !may_be_null(new) {
                    self.says(format!("{what} may not be null"));
                }
                self.bounds(what, old, new);
            }
            Written::ByUs if may_be_null(new) && !may_be_null(old) => {
                self.says(format!("{what} may be null"));
            }
            Written::ByUs => {}
        }
        self.properties(what, old, new, written);
        if old.get("items").is_some() {
            self.schema(&format!("{what}[]"), &old["items"], &new["items"], written);
        }
    }

    fn properties(&mut self, what: &str, old: &Value, new: &Value, written: Written) {
        for (name, property) in members(&old["properties"]) {
            let what = format!("{what}.{name}");
            match new["properties"].get(name) {
                Some(now) => self.schema(&what, property, now, written),
                None => self.says(format!("{what} is gone")),
            }
        }
        let (before, now) = (items(&old["required"]), items(&new["required"]));
        let (missed, how) = match written {
            Written::ByClients => (now.difference(&before), "is required"),
            Written::ByUs => (before.difference(&now), "may be absent"),
        };
        let missed: Vec<_> = missed.cloned().collect();
        for name in missed {
            if written == Written::ByClients
                || new["properties"].get(name.trim_matches('"')).is_some()
            {
                self.says(format!("{what}.{} {how}", name.trim_matches('"')));
            }
        }
    }

    /// What was allowed must be allowed.
    fn bounds(&mut self, what: &str, old: &Value, new: &Value) {
        let tighter = |name: &str, is_tighter: fn(f64, f64) -> bool| match new[name].as_f64() {
            Some(now) => old[name]
                .as_f64()
                .is_none_or(|before| is_tighter(now, before)),
            None => false,
        };
        let pattern = !new["pattern"].is_null() && new["pattern"] != old["pattern"];
        let closed = new["additionalProperties"] == json!(false)
            && old["additionalProperties"] != json!(false)
            && old.get("properties").is_some();
        let least = ["minimum", "minLength", "minItems"]
            .iter()
            .any(|name| tighter(name, |now, before| now > before));
        let most = ["maximum", "maxLength", "maxItems"]
            .iter()
            .any(|name| tighter(name, |now, before| now < before));
        if pattern || closed || least || most {
            self.says(format!("{what} is bounded more tightly"));
        }
    }
}

/// Major, or, before 1.0, minor: what may break.
fn generation(document: &Value) -> (u64, u64) {
    let version = document["info"]["version"].as_str().unwrap();
    let mut parts = version.split('.').map(|part| part.parse().unwrap());
    match (parts.next().unwrap(), parts.next().unwrap()) {
        (0, minor) => (0, minor),
        (major, _) => (major, 0),
    }
}

#[test]
fn what_was_released_goes_on_working_or_the_version_says_so() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi/released.json");
    let released: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let now: Value = serde_json::from_str(&written()).unwrap();
    let broken = broken(&released, &now);
    assert!(
        broken.is_empty() || generation(&now) > generation(&released),
        "these break clients of {}; raise the version in Cargo.toml or keep them:\n{}",
        released["info"]["version"],
        broken.join("\n")
    );
}

/// Where in the document which member becomes what (null: it is gone), and what that breaks.
const BREAKING: &str = r#"[
    ["/paths", "/jwks.json", null, "get /jwks.json is gone"],
    ["LIST", "operationId", "users", "get /admin/users is called \"users\" now"],
    ["LIST", "security", [], "get /admin/users asks others who may call it"],
    ["LIST/parameters/0", "required", true, "get /admin/users parameter \"search\" is required"],
    ["LIST/parameters/0", "name", "q", "get /admin/users parameter \"search\" is gone"],
    ["CREATE", "responses", {}, "post /admin/users 201 is gone"],
    ["CREATE/responses/201/headers", "ETag", null, "post /admin/users 201 has no ETag"],
    ["SCHEMAS/User/properties", "roles", null, "post /admin/users 201.roles is gone"],
    ["SCHEMAS/User/properties/id", "type", "integer",
        "post /admin/users 201.id has the type \"integer\", not \"string\""],
    ["SCHEMAS/User", "required", [], "post /admin/users 201.id may be absent"],
    ["SCHEMAS/NewUser", "required", ["username", "roles"], "post /admin/users body.roles is required"],
    ["SCHEMAS/NewUser/properties", "roles", null, "post /admin/users body.roles is gone"],
    ["SCHEMAS/NewUser/properties/username", "maxLength", 20,
        "post /admin/users body.username is bounded more tightly"],
    ["SCHEMAS/TokenRequest/properties/grant_type", "enum", ["password"],
        "post /token body.grant_type has other values: [\"password\"]"],
    ["SCHEMAS/SigningKeyState", "enum", ["next", "lost"],
        "get /admin/keys 200.keys[].state has other values: [\"next\",\"lost\"]"],
    ["SCHEMAS/ClientChange/properties/name", "nullable", null,
        "patch /admin/clients/{id} body.name may not be null"]
]"#;

#[test]
fn what_breaks_clients_is_named() {
    let now: Value = serde_json::from_str(&written()).unwrap();
    assert_eq!(broken(&now, &now), Vec::<String>::new());
    let table = BREAKING
        .replace("LIST", "/paths/~1admin~1users/get")
        .replace("CREATE", "/paths/~1admin~1users/post")
        .replace("SCHEMAS", "/components/schemas");
    let table: Vec<(String, String, Option<Value>, String)> = serde_json::from_str(&table).unwrap();
    for (at, name, value, says) in table {
        let mut next = now.clone();
        let changed = next.pointer_mut(&at).unwrap().as_object_mut().unwrap();
        match value {
            Some(value) => changed.insert(name, value),
            None => changed.remove(&name),
        };
        let broken = broken(&now, &next);
        assert!(broken.contains(&says), "{says}: {broken:?}");
    }
}

#[test]
fn what_is_new_breaks_nobody() {
    let now: Value = serde_json::from_str(&written()).unwrap();
    let mut before = now.clone();
    before["paths"].as_object_mut().unwrap().remove("/revoke");
    let parameters = before["paths"]["/admin/users"]["get"]["parameters"]
        .as_array_mut()
        .unwrap();
    parameters.remove(0);
    let schemas = before["components"]["schemas"].as_object_mut().unwrap();
    for (schema, property) in [
        ("NewUser", "roles"),
        ("Account", "roles"),
        ("Client", "rotation"),
    ] {
        let schema = schemas[schema].as_object_mut().unwrap();
        schema["properties"]
            .as_object_mut()
            .unwrap()
            .remove(property);
        if let Some(required) = schema.get_mut("required").and_then(Value::as_array_mut) {
            required.retain(|name| name != property);
        }
    }
    assert_eq!(broken(&before, &now), Vec::<String>::new());
}
