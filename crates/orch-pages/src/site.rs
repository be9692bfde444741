//! Where the pages are reached, and what of the settings they show.

/// Where the pages are reached.
#[derive(Debug, Clone, Default)]
pub struct PublicSite {
    base: String,
    secure: bool,
    cookie: String,
    settings: Vec<Setting>,
}

/// A setting in force; never a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// The table it stands in.
    pub section: String,
    /// Its name.
    pub name: String,
    /// What holds, as a TOML literal; `None`: it is not set.
    pub value: Option<String>,
    /// Where it comes from: `file`, `variable`, `default`.
    pub source: String,
    /// What it is about.
    pub doc: String,
}

impl PublicSite {
    /// At `public`, a URL as browsers have it, with a path if a proxy serves it below one; else where it listens, on
    /// `port`. Sites on one machine tell their cookies apart by the port.
    pub fn new(public: Option<&str>, port: u16) -> Self {
        let public = public.unwrap_or_default().trim_end_matches('/');
        let rest = public.split_once("://").map_or("", |(_, rest)| rest);
        let base = rest.find('/').map_or("", |at| &rest[at..]).to_owned();
        Self { base, secure: public.starts_with("https://"), cookie: format!("orch-{port}"), settings: Vec::new() }
    }

    /// With the settings in force.
    #[must_use]
    pub fn showing(mut self, settings: Vec<Setting>) -> Self {
        self.settings = settings;
        self
    }

    /// The path before every address: empty, or `/orch`.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// `http` or `https`, as browsers reach it.
    pub(crate) fn scheme(&self) -> &'static str {
        if self.secure { "https" } else { "http" }
    }

    /// Name of the cookie of a session.
    pub(crate) fn cookie(&self) -> &str {
        &self.cookie
    }

    /// The settings in force.
    pub(crate) fn settings(&self) -> &[Setting] {
        &self.settings
    }

    /// A `Set-Cookie` header; `seconds` 0 takes it away.
    pub(crate) fn set_cookie(&self, name: &str, value: &str, seconds: i64) -> String {
        let path = if self.base.is_empty() { "/" } else { &self.base };
        let secure = if self.secure { "; Secure" } else { "" };
        format!("{name}={value}; Path={path}; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_and_the_cookie_are_those_of_the_public_address() {
        for (public, base, secure) in [
            (None, "", false),
            (Some("http://orch.example"), "", false),
            (Some("https://orch.example/"), "", true),
            (Some("https://orch.example:8443/line/one/"), "/line/one", true),
        ] {
            let site = PublicSite::new(public, 8500);
            assert_eq!(site.base(), base);
            let cookie = site.set_cookie(site.cookie(), "x", 60);
            let path = if base.is_empty() { "/" } else { base };
            assert!(cookie.starts_with(&format!("orch-8500=x; Path={path}; ")), "{cookie}");
            assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"), "{cookie}");
            assert_eq!(cookie.ends_with("; Secure"), secure, "{cookie}");
        }
    }
}
