//! The schema of the host file, made of its keys.

use serde_json::{Map, Value as Json, json};

use super::*;
use crate::settings::kind::Kind;

fn schema_of(kind: Kind) -> Json {
    match kind {
        Kind::Address => json!({ "type": "string", "minLength": 1 }),
        Kind::OneOf(names) => json!({ "enum": names }),
        Kind::SomeOf(names) => json!({ "type": "array", "items": { "enum": names } }),
        Kind::WebAddress | Kind::BaseUrl => json!({ "type": "string", "pattern": "^https?://" }),
        Kind::Proxy => json!({ "type": "string", "pattern": "^http://[^/@]+:[0-9]+/?$" }),
        Kind::Inside => json!({ "type": "array", "items": { "type": "string", "minLength": 1 } }),
        Kind::Chat => json!({ "type": ["integer", "string"], "pattern": "^(@[A-Za-z_][A-Za-z0-9_]*|-?[0-9]+)$" }),
        Kind::Path => json!({ "type": "string", "pattern": "^/" }),
        Kind::Paths => json!({ "type": "array", "items": { "type": "string", "pattern": "^/" } }),
        Kind::Word => json!({ "type": "string", "pattern": "^[^-\\s]\\S*$" }),
        Kind::Number(min, max) => json!({ "type": "integer", "minimum": min, "maximum": max }),
        Kind::Switch => json!({ "type": "boolean" }),
        Kind::Command => json!({ "oneOf": [
            { "type": "string", "minLength": 1 },
            { "type": "array", "items": { "type": "string" }, "minItems": 1 }
        ]}),
        Kind::Variables => {
            json!({ "type": "array", "items": { "type": "string", "pattern": "^(?!ORCH_)[A-Za-z_][A-Za-z0-9_]*$" } })
        }
        Kind::Id => json!({ "type": "string", "pattern": "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$", "maxLength": 64 }),
        Kind::Prefix => json!({ "type": "string", "pattern": "^[A-Z][A-Z0-9]{1,9}$" }),
        Kind::Database => json!({ "type": "string", "pattern": "^postgres(ql)?://" }),
        Kind::Remote => json!({ "type": "string", "pattern": "^(https?://|ssh://|[^/:]+@[^/:]+:)" }),
        Kind::Hosts => {
            json!({ "type": "array", "items": { "type": "string", "pattern": "^(\\*\\.)?[A-Za-z0-9._-]+$" } })
        }
        Kind::Patterns => json!({ "type": "array", "items": { "type": "string", "pattern": "^[^/]" } }),
        Kind::Revision => {
            json!({ "type": "string", "pattern": "^(none$|json:/|header:[A-Za-z0-9-]+$|text:.*\\{revision\\})" })
        }
        Kind::Prices => json!({ "type": "array", "items": { "type": "string", "pattern": "=([^/]+/){3}" } }),
        Kind::Dollars => json!({ "type": "number", "minimum": 0, "maximum": 1_000_000 }),
    }
}

fn schema_table<T>(rows: &[&Key<T>], defaults: &T) -> Json {
    let mut properties = Map::new();
    for key in rows {
        let mut one = schema_of(key.kind);
        one["description"] = json!(key.doc);
        // A default of an optional setting is a TOML literal; of these kinds JSON spells it alike.
        if let Some(default) = (key.get)(defaults).and_then(|d| serde_json::from_str::<Json>(&d).ok()) {
            one["default"] = default;
        }
        properties.insert(key.name.to_owned(), one);
    }
    let required: Vec<&str> = rows.iter().filter(|k| k.required).map(|k| k.name).collect();
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}

pub(super) fn schema() -> Json {
    let defaults = Host::with_defaults(paths());
    let mut properties = Map::new();
    for (section, about) in keys::SECTIONS {
        let rows: Vec<_> = keys::HOST.iter().filter(|k| k.section == *section).collect();
        let mut table = schema_table(&rows, &defaults);
        table["description"] = json!(about);
        match section.split_once('.') {
            Some((above, name)) => properties[above]["properties"][name] = table,
            None => drop(properties.insert((*section).to_owned(), table)),
        }
    }
    let agent = schema_table(&keys::AGENT.iter().collect::<Vec<_>>(), &AgentProgram::default());
    let names = Role::ALL.iter().map(|r| r.name()).chain([file::DEFAULT_AGENT]);
    let agents: Map<String, Json> = names.map(|name| (name.to_owned(), agent.clone())).collect();
    properties
        .insert("agents".to_owned(), json!({ "type": "object", "properties": agents, "additionalProperties": false }));
    let model = schema_table(&model::MODEL.iter().collect::<Vec<_>>(), &ModelEntry::default());
    properties.insert("models".to_owned(), json!({ "type": "object", "additionalProperties": model }));
    let credential = schema_table(&remote::CREDENTIAL.iter().collect::<Vec<_>>(), &remote::CredentialEntry::default());
    properties.insert("credentials".to_owned(), json!({ "type": "object", "additionalProperties": credential }));
    let deploys = schema_table(&target::TARGET.iter().collect::<Vec<_>>(), &target::TargetEntry::default());
    properties.insert("target".to_owned(), json!({ "type": "object", "additionalProperties": deploys }));
    let notify = schema_table(&notify::NOTIFY.iter().collect::<Vec<_>>(), &NotifyEntry::default());
    properties.insert("notify".to_owned(), json!({ "type": "array", "items": notify }));
    let tracker = schema_table(&tracker::TRACKER.iter().collect::<Vec<_>>(), &tracker::TrackerEntry::default());
    properties.insert("tracker".to_owned(), json!({ "type": "array", "items": tracker }));
    let repository = schema_table(&keys::REPOSITORY.iter().collect::<Vec<_>>(), &RepositoryEntry::default());
    properties.insert("repository".to_owned(), json!({ "type": "array", "items": repository }));
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Settings of Orchestrion on a host",
        "type": "object",
        "properties": properties,
        "additionalProperties": false
    })
}
