//! From settings to what runs may reach: models with their keys, and hosts.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;

use camino::Utf8PathBuf;
use orch_egress::{Access, Budget, Limits, Model, OuterProxy};

use crate::exit::{Exit, Failure};
use crate::settings::model::{self, ModelEntry};
use crate::settings::paths;
use crate::settings::{Host, egress};

/// Models that need no table: their key may come by a variable.
const BY_VARIABLE: &[(&str, &str)] = &[("anthropic", "ANTHROPIC_API_KEY"), ("openai", "OPENAI_API_KEY")];

/// What runs may reach on this host. A key that came by a variable is written to a file of the state folder, mode
/// 0600: the proxies read it there, and no command line and no environment of theirs carries it.
///
/// # Errors
/// [`Exit::Failed`] if such a file cannot be written.
pub fn access(host: &Host, env: &dyn Fn(&str) -> Option<String>) -> Result<Access, Failure> {
    let mut entries = host.models.clone();
    for (name, _) in BY_VARIABLE {
        entries.entry((*name).to_owned()).or_default();
    }
    let limits = Limits { idle_ms: host.egress.silence_seconds.saturating_mul(1_000), ..Limits::default() };
    let mut access = Access { limits, ..let_out(host) };
    for (name, entry) in entries {
        let Some(wire) = model::wire(&name, &entry) else { continue };
        let Some(key_file) = key_file(host, &name, &entry, env)? else { continue };
        let some = |n: u64| (n > 0).then_some(n);
        let model = Model {
            wire,
            base_url: entry.base_url.unwrap_or_else(|| wire.default_base_url().to_owned()),
            key_file: key_file.into(),
            ca_file: entry.ca_file.map(Into::into),
            vendor_tools: entry.vendor_tools,
            budget: Budget { tokens: some(entry.run_token_budget), micros: some(entry.run_budget_micros) },
            prices: entry.prices.iter().filter_map(|price| orch_egress::price::parse(price)).collect(),
            name: name.clone(),
        };
        access.models.insert(name, model);
    }
    Ok(access)
}

/// The hosts that runs may reach, and by which way; no model.
pub fn let_out(host: &Host) -> Access {
    let set = &host.egress;
    let registries = orch_egress::allow::REGISTRIES.iter().filter(|_| !set.deny_default_registries);
    let login = set.proxy_credential.as_ref().and_then(|name| {
        let entry = host.credentials.get(name)?;
        Some((entry.user.clone()?, entry.token_file.clone()?.into()))
    });
    let proxy = set.proxy.as_deref().and_then(OuterProxy::read).map(|proxy| OuterProxy { login, ..proxy });
    let allow = set.allow.iter().cloned().chain(registries.map(|name| (*name).to_owned())).collect();
    let mirrors = set.mirrors.named().map(|(_, address)| egress::inside_entry(address));
    let allow_inside = set.allow_inside.iter().cloned().chain(mirrors).collect();
    Access { allow, allow_inside, proxy, ..Access::default() }
}

/// The file with the key of a model; `None` if it has none.
fn key_file(
    host: &Host,
    name: &str,
    entry: &ModelEntry,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<Option<Utf8PathBuf>, Failure> {
    if let Some(file) = &entry.key_file {
        return Ok(Some(file.clone()));
    }
    let variable = BY_VARIABLE.iter().find(|(model, _)| *model == name).map(|(_, variable)| *variable);
    let Some(key) = variable.and_then(env).filter(|key| !key.trim().is_empty()) else { return Ok(None) };
    let folder = host.paths.state.join("keys");
    paths::create_private(&folder)?;
    let file = folder.join(name);
    let fresh = folder.join(format!("{name}.unfinished"));
    let failed = |e: std::io::Error| {
        Failure::new(Exit::Failed, format!("the key of the model `{name}` cannot be kept: {e}"))
            .at(file.as_str())
            .fix(format!("make the state folder writable, or name a file in models.{name}.key_file"))
    };
    let mut open = std::fs::OpenOptions::new();
    open.write(true).create(true).truncate(true).mode(0o600);
    open.open(&fresh).and_then(|mut f| f.write_all(format!("{}\n", key.trim()).as_bytes())).map_err(failed)?;
    std::fs::rename(&fresh, &file).map_err(failed)?;
    Ok(Some(file))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::settings::Paths;

    fn host(folder: &tempfile::TempDir) -> Host {
        let root = Utf8PathBuf::from_path_buf(folder.path().to_path_buf()).unwrap();
        Host::with_defaults(Paths { config_file: root.join("host.toml"), state: root.join("state") })
    }

    #[test]
    fn a_key_that_comes_by_a_variable_is_kept_for_this_user_alone() {
        let folder = tempfile::tempdir().unwrap();
        let host = host(&folder);
        let env = |name: &str| (name == "ANTHROPIC_API_KEY").then(|| " sk-ant-canary ".to_owned());
        let access = access(&host, &env).unwrap();
        assert_eq!(access.models.keys().collect::<Vec<_>>(), ["anthropic"]);
        let model = &access.models["anthropic"];
        assert_eq!(std::fs::read_to_string(&model.key_file).unwrap(), "sk-ant-canary\n");
        let mode = std::fs::metadata(&model.key_file).unwrap().permissions().mode();
        assert_eq!((mode & 0o777, model.base_url.as_str()), (0o600, "https://api.anthropic.com"));
        assert!(!format!("{access:?}").contains("canary"));
    }

    #[test]
    fn a_file_that_is_named_stands_above_the_variable() {
        let folder = tempfile::tempdir().unwrap();
        let mut host = host(&folder);
        let entry = ModelEntry { key_file: Some("/etc/key".into()), run_budget_micros: 7, ..ModelEntry::default() };
        host.models.insert("openai".to_owned(), entry);
        host.models
            .insert("gateway".to_owned(), ModelEntry { wire: Some("openai".to_owned()), ..ModelEntry::default() });
        let access = access(&host, &|_| Some("hush".to_owned())).unwrap();
        let model = &access.models["openai"];
        assert_eq!(model.key_file.to_str(), Some("/etc/key"));
        assert_eq!(model.budget, Budget { tokens: None, micros: Some(7) });
        assert!(!access.models.contains_key("gateway"), "no variable belongs to it");
        assert!(!host.paths.state.join("keys/openai").exists());
    }

    #[test]
    fn the_registries_are_let_out_unless_they_are_denied() {
        let folder = tempfile::tempdir().unwrap();
        let mut host = host(&folder);
        host.egress.allow = vec!["docs.rs".to_owned()];
        host.egress.silence_seconds = 7;
        let some = access(&host, &|_| None).unwrap();
        assert!(some.allow.contains(&"index.crates.io".to_owned()));
        assert_eq!(some.limits.idle_ms, 7_000);
        host.egress.deny_default_registries = true;
        assert_eq!(access(&host, &|_| None).unwrap().allow, ["docs.rs"]);
    }
}
