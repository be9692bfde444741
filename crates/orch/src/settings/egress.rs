//! `[egress]`: what runs reach besides their models, and by which way.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;

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
    /// Authorities that tools of runs trust, PEM.
    pub ca_file: Option<Utf8PathBuf>,
    /// `[egress.mirrors]`
    pub mirrors: Mirrors,
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
            ca_file: None,
            mirrors: Mirrors::default(),
            deny_default_registries: false,
            silence_seconds: 120,
        }
    }
}

/// `[egress.mirrors]`: addresses of registries.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mirrors {
    /// Of npm, pnpm and yarn.
    pub npm: Option<String>,
    /// Of pip, uv and what they are used by: an index.
    pub pip: Option<String>,
    /// Of Cargo: a sparse index.
    pub cargo: Option<String>,
    /// Of Go: a module proxy.
    pub go: Option<String>,
    /// Of Bundler: a source of gems.
    pub bundler: Option<String>,
}

impl Mirrors {
    /// All that are named.
    pub fn named(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let all = [
            ("npm", &self.npm),
            ("pip", &self.pip),
            ("cargo", &self.cargo),
            ("go", &self.go),
            ("bundler", &self.bundler),
        ];
        all.into_iter().filter_map(|(name, address)| Some((name, address.as_deref()?)))
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

/// As [`ALLOW`].
pub const CA_FILE: Key<Host> = row(
    "ca_file",
    Kind::Path,
    "A PEM file with all authorities that tools of runs trust, for a network that opens TLS or mirrors with a certificate of \
     your own: usually the machine's, such as \"/etc/ssl/certs/ca-certificates.crt\".",
    |h, v| h.egress.ca_file = Some(Utf8PathBuf::from(v.into_text())),
    |h| h.egress.ca_file.as_ref().map(|file| quoted(file.as_str())),
);

/// The row `name` of `[egress.mirrors]`.
const fn mirror(
    name: &'static str,
    doc: &'static str,
    set: fn(&mut Host, Value),
    get: fn(&Host) -> Option<String>,
) -> Key<Host> {
    Key { section: "egress.mirrors", ..row(name, Kind::WebAddress, doc, set, get) }
}

/// As [`ALLOW`].
pub const NPM: Key<Host> = mirror(
    "npm",
    "For npm, pnpm and yarn: a registry.",
    |h, v| h.egress.mirrors.npm = Some(v.into_text()),
    |h| h.egress.mirrors.npm.as_deref().map(quoted),
);

/// As [`ALLOW`].
pub const PIP: Key<Host> = mirror(
    "pip",
    "For pip and uv: an index (PEP 503), such as \"https://nexus.example.com/repository/pypi/simple\".",
    |h, v| h.egress.mirrors.pip = Some(v.into_text()),
    |h| h.egress.mirrors.pip.as_deref().map(quoted),
);

/// As [`ALLOW`].
pub const CARGO: Key<Host> = mirror(
    "cargo",
    "For Cargo: a sparse index in place of crates.io's. At L2 and above.",
    |h, v| h.egress.mirrors.cargo = Some(v.into_text()),
    |h| h.egress.mirrors.cargo.as_deref().map(quoted),
);

/// As [`ALLOW`].
pub const GO: Key<Host> = mirror(
    "go",
    "For Go: a module proxy. Sums are then not asked of sum.golang.org; those in go.sum hold.",
    |h, v| h.egress.mirrors.go = Some(v.into_text()),
    |h| h.egress.mirrors.go.as_deref().map(quoted),
);

/// As [`ALLOW`].
pub const BUNDLER: Key<Host> = mirror(
    "bundler",
    "For Bundler: a source of gems, in place of every source that a Gemfile names.",
    |h, v| h.egress.mirrors.bundler = Some(v.into_text()),
    |h| h.egress.mirrors.bundler.as_deref().map(quoted),
);

/// What tools of runs are told by their environment.
pub fn environment(egress: &Egress) -> BTreeMap<String, String> {
    let mut told = BTreeMap::new();
    let mut tell =
        |names: &[&str], value: &str| told.extend(names.iter().map(|name| ((*name).to_owned(), value.to_owned())));
    if let Some(file) = &egress.ca_file {
        tell(CA_VARIABLES, file.as_str());
    }
    let Mirrors { npm, pip, go, bundler, .. } = &egress.mirrors;
    if let Some(address) = npm {
        tell(&["npm_config_registry", "YARN_REGISTRY", "YARN_NPM_REGISTRY_SERVER"], address);
        if address.starts_with("http://") {
            tell(&["YARN_UNSAFE_HTTP_WHITELIST"], &host_of(address));
        }
    }
    if let Some(address) = pip {
        tell(&["PIP_INDEX_URL", "UV_DEFAULT_INDEX"], address);
        if address.starts_with("http://") {
            tell(&["PIP_TRUSTED_HOST", "UV_INSECURE_HOST"], &host_of(address));
        }
    }
    if let Some(address) = go {
        tell(&["GOPROXY"], address);
        tell(&["GOSUMDB"], "off");
        if address.starts_with("http://") {
            tell(&["GOINSECURE"], "*");
        }
    }
    if let Some(address) = bundler {
        tell(&["BUNDLE_MIRROR__ALL"], address);
    }
    told
}

/// The variables by which usual tools know a file of authorities.
const CA_VARIABLES: &[&str] = &[
    "SSL_CERT_FILE",
    "NODE_EXTRA_CA_CERTS",
    "PIP_CERT",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "CARGO_HTTP_CAINFO",
    "GIT_SSL_CAINFO",
    "BUNDLE_SSL_CA_CERT",
];

/// What Cargo reads above the repository: it knows its sources by a file alone.
pub fn cargo_config(egress: &Egress) -> Option<String> {
    let address = egress.mirrors.cargo.as_deref()?;
    let address = address.strip_prefix("sparse+").unwrap_or(address).trim_end_matches('/');
    Some(format!(
        "[source.crates-io]\nreplace-with = \"mirror\"\n\n[source.mirror]\nregistry = {}\n",
        quoted(&format!("sparse+{address}/"))
    ))
}

/// `HOST`, or `HOST:PORT` if the address names a port.
fn host_of(address: &str) -> String {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().unwrap_or_default().to_owned()
}

/// The entry of `allow_inside` that opens an address.
pub fn inside_entry(address: &str) -> String {
    let host = host_of(address);
    let port = |host: &str| host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    match (port(&host), address.starts_with("http://")) {
        (false, true) => format!("{host}:80"),
        (false, false) => host,
        (true, _) => host.strip_suffix(":443").unwrap_or(&host).to_owned(),
    }
}

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
