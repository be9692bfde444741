//! Whether runs get out of this machine: one registry is asked by the way that runs take, and the proxy of the network.

use std::time::Duration;

use orch_egress::tunnel::{self, Closed, Network};
use orch_egress::{Access, Ways};

use super::State::{Fail, Ok as Good, Warn};
use super::{Look, Told};
use crate::settings::egress;
use crate::wiring;

/// What does not answer by then is not to be had.
const LIMIT: Duration = Duration::from_secs(5);
/// Asked, if it may be reached: the most usual ones.
const ASKED: &[&str] = &["index.crates.io", "registry.npmjs.org", "pypi.org"];

/// How runs reach hosts.
pub fn way_out(look: &Look) -> Vec<Told> {
    let mut told = registries(look);
    told.extend(mirrors(look));
    told
}

/// Every mirror that is named, by the way that runs take.
fn mirrors(look: &Look) -> Vec<Told> {
    let Access { allow, allow_inside, .. } = wiring::models::let_out(&look.host);
    let Ok(ways) = Ways::read(&allow, &allow_inside, None) else { return Vec::new() };
    let asked = look.host.egress.mirrors.named().map(|(name, address)| {
        let entry = egress::inside_entry(address);
        let target = if entry.contains(':') { entry } else { format!("{entry}:{}", tunnel::PORT) };
        match tunnel::open(&target, &ways, &Network, LIMIT) {
            Ok(_) => (Good, format!("the mirror for {name} answers: {target}"), None),
            Err(Closed::Refused(words) | Closed::Unreachable(words)) => {
                let fix = format!("correct egress.mirrors.{name} in the host file");
                (Fail, format!("runs do not reach the mirror for {name}: {words}"), Some(fix))
            }
        }
    });
    asked.collect()
}

fn registries(look: &Look) -> Vec<Told> {
    let Access { allow, allow_inside, proxy, .. } = wiring::models::let_out(&look.host);
    let ways = match Ways::read(&allow, &allow_inside, proxy) {
        Ok(ways) => ways,
        Err(words) => return vec![(Fail, words, None)],
    };
    let by = ways.proxy.as_ref().map(|proxy| format!(" through the proxy {}:{}", proxy.host, proxy.port));
    let by = by.unwrap_or_default();
    let Some(registry) = ASKED.iter().find(|name| orch_egress::allow::allows(&ways.allow, name)) else {
        return vec![(Good, "runs reach what egress.allow and allow_inside name, and no registry".to_owned(), None)];
    };
    let state = if ways.proxy.is_some() { Fail } else { Warn };
    vec![match tunnel::open(&format!("{registry}:{}", tunnel::PORT), &ways, &Network, LIMIT) {
        Ok(_) => (Good, format!("runs reach registries{by}: {registry} answers"), None),
        Err(Closed::Refused(words)) => (state, format!("runs do not reach registries: {words}"), None),
        Err(Closed::Unreachable(words)) => {
            let fix = "if your network has a proxy or mirrors, name them under [egress]: docs/tests.md";
            (state, format!("runs do not reach registries: {words}"), Some(fix.to_owned()))
        }
    }]
}
