//! What the server asks of main, and what our account may do there.

use orch_ports::PortResult;
use orch_ports::change_requests::Requirements;
use orch_rules::port_error::ErrorKind;
use serde_json::json;
use ureq::http::Method;

use super::api::{GiteaApi, part};
use super::wire::{Branch, Rule, SeenRepository, ServerVersion, User};

/// A number that no change request has.
const NO_NUMBER: u64 = 999_999_999;

/// Asks what is asked of `main`.
///
/// # Errors
/// The server's.
pub fn requirements(api: &GiteaApi, main: &str) -> PortResult<Requirements> {
    let version: ServerVersion = api.read("its version", &api.ask(Method::GET, "version", None)?)?;
    let product =
        if version.version.contains("gitea-") || version.version.contains("forgejo") { "Forgejo" } else { "Gitea" };
    let repository: SeenRepository = api.read("the repository", &api.call(Method::GET, "", None)?)?;
    let answer = api.call(Method::GET, &format!("/branches/{}", part(main)), None)?;
    let branch: Branch = api.read(main, &answer)?;
    // Asked for what is not there: a token without the right is refused before anything is looked at.
    let write = match api.call(Method::PATCH, &format!("/pulls/{NO_NUMBER}"), Some(json!({}))) {
        Ok(answer) => answer.status != 403,
        Err(error) if error.kind == ErrorKind::Unauthorised => false,
        Err(error) => return Err(error),
    };
    let account = api.ask(Method::GET, "user", None);
    let account = account.and_then(|answer| api.read::<User>("our account", &answer));
    let pushes = repository.permissions.is_some_and(|permissions| permissions.push);
    Ok(Requirements {
        product: format!("{product} {}", version.version),
        account: account.ok().map(|user| user.login),
        may_push: pushes && (!branch.protected || branch.user_can_push),
        may_write: pushes && write,
        keeps_commit: repository.allow_fast_forward_only_merge,
        approvals: branch.required_approvals,
        dismisses_stale: if branch.protected { dismisses(api, main)? } else { Some(false) },
        contexts: branch.status_check_contexts.filter(|_| branch.enable_status_check).unwrap_or_default(),
    })
}

/// Whether the rule of main voids approvals at a push; `None` if we may not know.
fn dismisses(api: &GiteaApi, main: &str) -> PortResult<Option<bool>> {
    let answer = api.call(Method::GET, "/branch_protections", None)?;
    if answer.status == 403 {
        return Ok(None);
    }
    let rules: Option<Vec<Rule>> = api.read("its branch protection", &answer)?;
    let rule = rules.unwrap_or_default().into_iter().find(|rule| rule.rule_name == main);
    Ok(rule.map(|rule| rule.dismiss_stale_approvals || rule.ignore_stale_approvals))
}
