//! `[egress]`: what runs reach besides their models, and by which way.

use super::host::Host;
use super::keys::{Key, array, on, quoted, words};
use super::kind::{Kind, Value};

/// `[egress]`: hosts that runs reach by CONNECT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Egress {
    /// Names, or `*.` and a name.
    pub allow: Vec<String>,
    /// Hosts and addresses of the own network, as [`orch_egress::InsideEntry`] reads them.
    pub allow_inside: Vec<String>,
    /// The proxy of the network, as [`orch_egress::OuterProxy`] reads it.
    pub proxy: Option<String>,
    /// Name of the credential for the proxy.
    pub proxy_credential: Option<String>,
    /// The built-in list of registries is not let out.
    pub deny_default_registries: bool,
    /// Seconds a model may be silent within an answer.
    pub silence_seconds: u64,
}

impl Default for Egress {
    fn default() -> Self {
        Self {
            allow: Vec::new(),
            allow_inside: Vec::new(),
            proxy: None,
            proxy_credential: None,
            deny_default_registries: false,
            silence_seconds: 120,
        }
    }
}

/// The row `name` of `[egress]`; part of the host's rows.
const fn row(
    name: &'static str,
    kind: Kind,
    doc: &'static str,
    set: fn(&mut Host, Value),
    get: fn(&Host) -> Option<String>,
) -> Key<Host> {
    Key { section: "egress", name, variable: None, kind, required: false, doc, set, get }
}

/// A row.
pub const ALLOW: Key<Host> = row(
    "allow",
    Kind::Hosts,
    "Hosts on port 443 that runs reach besides the well-known package registries: names, or \"*.\" and a name for all below \
     it. One whose address lies inside of a network is reached only if `allow_inside` names it.",
    |h, v| h.egress.allow = words(v),
    |h| Some(array(&h.egress.allow)),
);

/// As [`ALLOW`].
pub const ALLOW_INSIDE: Key<Host> = row(
    "allow_inside",
    Kind::Inside,
    "Hosts of your own network that runs reach, directly and not through `proxy`: names as in `allow`, NAME:PORT for another \
     port than 443 (http or https), addresses, or ADDRESS/BITS. What a cloud keeps its metadata under is never reached, this \
     machine itself only as NAME:PORT.",
    |h, v| h.egress.allow_inside = words(v),
    |h| Some(array(&h.egress.allow_inside)),
);

/// As [`ALLOW`].
pub const PROXY: Key<Host> = row(
    "proxy",
    Kind::Proxy,
    "The proxy of your network: models and everything that `allow_inside` does not name are reached through it, and it looks \
     up their names.",
    |h, v| h.egress.proxy = Some(v.into_text()),
    |h| h.egress.proxy.as_deref().map(quoted),
);

/// As [`ALLOW`].
pub const PROXY_CREDENTIAL: Key<Host> = row(
    "proxy_credential",
    Kind::Id,
    "If the proxy asks who you are: the name of a [credentials.NAME] with `user`, and the password in its `token_file`.",
    |h, v| h.egress.proxy_credential = Some(v.into_text()),
    |h| h.egress.proxy_credential.as_deref().map(quoted),
);

/// As [`ALLOW`].
pub const DENY: Key<Host> = row(
    "deny_default_registries",
    Kind::Switch,
    "Only what `allow` and `allow_inside` name is reached: not the package registries either.",
    |h, v| h.egress.deny_default_registries = on(&v),
    |h| Some(h.egress.deny_default_registries.to_string()),
);

/// As [`ALLOW`].
pub const SILENCE: Key<Host> = row(
    "silence_seconds",
    Kind::Number(1, 3_600),
    "Seconds that a model may be silent in the middle of an answer. Then the answer is cut off, and the agent asks again.",
    |h, v| {
        if let Value::Number(n) = v {
            h.egress.silence_seconds = n;
        }
    },
    |h| Some(h.egress.silence_seconds.to_string()),
);

/// What the single values cannot tell: the key, what is wrong with it, and what to do.
pub fn misfits(host: &Host) -> Vec<(&'static str, String, String)> {
    let Egress { proxy, proxy_credential: Some(name), .. } = &host.egress else { return Vec::new() };
    let wrong = match host.credentials.get(name) {
        _ if proxy.is_none() => ("is for a `proxy`".to_owned(), "remove it".to_owned()),
        None => (
            format!("is \"{name}\", and there is no [credentials.{name}]"),
            format!("add [credentials.{name}] with user, and token_file for the password"),
        ),
        Some(entry) if entry.token_file.is_none() || entry.user.is_none() => (
            format!("is \"{name}\", which has no `user` and `token_file`"),
            format!("name both in [credentials.{name}]: the user, and the file with the password"),
        ),
        Some(_) => return Vec::new(),
    };
    vec![("proxy_credential", wrong.0, wrong.1)]
}
