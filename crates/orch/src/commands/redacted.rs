//! Texts that go to others: what looks like a secret is left out.
//!
//! No secret of the service is in a log to begin with; what an agent or a test printed may be anybody's.

/// What stands where something was left out.
const LEFT_OUT: &str = "[left out]";

/// How keys and tokens of well-known services begin, and how many characters follow at least.
const BEGINNINGS: &[(&str, usize)] = &[
    ("sk-", 16),
    ("ghp_", 20),
    ("gho_", 20),
    ("ghs_", 20),
    ("ghu_", 20),
    ("ghr_", 20),
    ("github_pat_", 20),
    ("glpat-", 16),
    ("xoxa-", 10),
    ("xoxb-", 10),
    ("xoxp-", 10),
    ("AKIA", 16),
    ("ASIA", 16),
    ("AIza", 30),
    ("npm_", 30),
    ("pypi-", 30),
    ("plane_api_", 16),
    ("eyJ", 40),
];

/// Parts of names whose value is nobody else's business.
const PRIVATE_NAMES: &[&str] =
    &["token", "secret", "password", "passwd", "api_key", "apikey", "api-key", "authorization"];

/// Leaves secrets out of text that comes line by line.
#[derive(Debug, Default)]
pub struct Redactor {
    in_key: bool,
}

impl Redactor {
    /// The line as it may be seen; `None`: the inside of a private key.
    pub fn line(&mut self, line: &str) -> Option<String> {
        if self.in_key {
            self.in_key = !line.contains("-----END");
            return None;
        }
        if line.contains("-----BEGIN") && line.contains("PRIVATE KEY") {
            self.in_key = !line.contains("-----END");
            return Some(LEFT_OUT.to_owned());
        }
        Some(words(line))
    }

    /// A whole text.
    pub fn text(text: &str) -> String {
        let mut redactor = Self::default();
        let mut clean: String =
            text.lines().filter_map(|line| redactor.line(line)).fold(String::new(), |all, line| all + &line + "\n");
        if !text.ends_with('\n') {
            clean.pop();
        }
        clean
    }
}

/// Every string of a JSON value; names stay.
pub fn json(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::String(text) => *text = Redactor::text(text),
        serde_json::Value::Array(all) => all.iter_mut().for_each(json),
        serde_json::Value::Object(fields) => fields.values_mut().for_each(json),
        _ => {}
    }
}

/// A character of a key or a token.
fn of_token(c: char) -> bool {
    c.is_ascii_alphanumeric() || "_-.+/=~".contains(c)
}

fn words(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    // What stands before a value: `TOKEN=`, `"password": "`, `Bearer `.
    let mut private = false;
    while !rest.is_empty() {
        let end = rest.find(|c| !of_token(c)).unwrap_or(rest.len());
        let (token, after) = rest.split_at(end);
        if token.is_empty() {
            let next = after.chars().next().map_or(0, char::len_utf8);
            let between = &after[..next];
            // A new field, or the end of what belonged together.
            private = private && " \t:\"'".contains(between);
            out.push_str(between);
            rest = &after[next..];
            continue;
        }
        match token.split_once('=') {
            Some((name, value)) if is_private(name) && !value.is_empty() => {
                out.push_str(name);
                out.push('=');
                out.push_str(LEFT_OUT);
                private = false;
            }
            _ if private && token != "Bearer" && token != "Basic" && token != "token" => {
                out.push_str(LEFT_OUT);
                private = false;
            }
            _ if is_key(token) => out.push_str(LEFT_OUT),
            _ => {
                out.push_str(token);
                // `name: value`, and `name=` whose value is quoted.
                let names = is_private(token.trim_end_matches('='));
                let assigned =
                    token.ends_with('=') || after.trim_start_matches(['"', '\'']).trim_start().starts_with(':');
                private = private || token == "Bearer" || (names && assigned);
            }
        }
        rest = after;
    }
    without_log_in(&out)
}

fn is_private(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    PRIVATE_NAMES.iter().any(|part| name.ends_with(part))
}

fn is_key(token: &str) -> bool {
    // A path or an assignment may end in one.
    token.split(['/', '=']).any(|part| {
        BEGINNINGS.iter().any(|(begin, least)| {
            part.strip_prefix(begin).is_some_and(|rest| {
                rest.len() >= *least && rest.chars().any(|c| c.is_ascii_digit() || c.is_ascii_uppercase())
            })
        })
    })
}

/// `https://name:word@host` without the log-in.
fn without_log_in(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = rest.find("://") {
        let (before, address) = rest.split_at(at + 3);
        out.push_str(before);
        let host = address.find(|c: char| c.is_whitespace() || "/?#\"'<>".contains(c)).unwrap_or(address.len());
        match address[..host].rfind('@') {
            Some(end) => {
                out.push_str(LEFT_OUT);
                rest = &address[end..];
            }
            None => rest = address,
        }
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_a_secret_is_left_out() {
        let secret = "a1B2c3D4e5F6a1B2c3D4e5F6a1B2c3D4e5F6a1B2c3D4";
        for line in [
            format!("key sk-ant-api03-{secret}"),
            format!("export GITHUB_TOKEN={secret}"),
            format!("DB_PASSWORD=\"{secret}\""),
            format!("{{\"api_key\": \"{secret}\"}}"),
            format!("Authorization: Bearer {secret}"),
            format!("curl -H 'authorization: token {secret}'"),
            format!("password: {secret}"),
            format!("cloning https://bot:{secret}@host.example/a.git now"),
            format!("cloning https://{secret}@host.example/a.git"),
            format!("ghp_{secret}"),
            format!("eyJ{secret}.{secret}"),
            format!("-----BEGIN RSA PRIVATE KEY-----\n{secret}\n-----END RSA PRIVATE KEY-----"),
        ] {
            let clean = Redactor::text(&line);
            assert!(!clean.contains(secret) && clean.contains(LEFT_OUT), "{line} became {clean}");
        }
        let kept =
            Redactor::text(&format!("before\n-----BEGIN PRIVATE KEY-----\n{secret}\n-----END PRIVATE KEY-----\nafter"));
        assert_eq!(kept, format!("before\n{LEFT_OUT}\nafter"));
    }

    #[test]
    fn everything_else_stays_as_it_is() {
        for line in [
            "3 passed, 1 failed in 0.4 s",
            "see https://docs.rs/tar/0.4 and mail a@b.example",
            "error[E0308]: mismatched types --> src/token.rs:3",
            "the password is asked for: see docs/password.md",
            "commit 3f2a1b9c0d8e7f6a3f2a1b9c0d8e7f6a3f2a1b9c",
            "task-scheduler sk-short max_tokens: 4096",
            "Привет 🎼\tдва",
        ] {
            assert_eq!(Redactor::text(line), line);
        }
        let mut value = serde_json::json!({"a": ["ghp_a1B2c3D4e5F6a1B2c3D4e5F6", 1], "b": {"c": "plain"}});
        json(&mut value);
        assert_eq!(value, serde_json::json!({"a": [LEFT_OUT, 1], "b": {"c": "plain"}}));
    }
}
