//! What a value may look like, and reading one from TOML or from a variable.

use std::net::IpAddr;

use toml::de::DeValue;

/// What a setting's value may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// One of these spellings.
    OneOf(&'static [&'static str]),
    /// Some of these spellings, each once.
    SomeOf(&'static [&'static str]),
    /// An absolute path.
    Path,
    /// Absolute paths.
    Paths,
    /// One word that is no option.
    Word,
    /// An IP address.
    Address,
    /// A whole number within these bounds, both included.
    Number(u64, u64),
    /// On or off.
    Switch,
    /// Program and arguments, as one text split like a shell does, or as an array.
    Command,
    /// Names of environment variables.
    Variables,
    /// `[a-z0-9-]+`
    Id,
    /// As [`orch_rules::work_item::valid_prefix`] says.
    Prefix,
    /// A `postgres://` address.
    Database,
    /// The address of a model's vendor, as [`orch_egress::upstream::check`] says.
    BaseUrl,
    /// An address that begins with https:// or http://.
    WebAddress,
    /// A chat of Telegram: a whole number, or the `@name` of a public one.
    Chat,
    /// The address of a repository on a server, as [`orch_git::RemoteUrl`] says.
    Remote,
    /// Names of hosts, as [`orch_egress::allow::pattern`] says.
    Hosts,
    /// Hosts of the own network, as [`orch_egress::InsideEntry`] says.
    Inside,
    /// A proxy, as [`orch_egress::OuterProxy`] says.
    Proxy,
    /// Where an answer says a revision, as [`orch_vendors::health::RevisionFrom`] says.
    Revision,
    /// Patterns of paths, as [`orch_rules::path_pattern`] says.
    Patterns,
    /// Prices, as [`orch_egress::price::parse`] says.
    Prices,
    /// Dollars, read as millionths.
    Dollars,
}

/// A value that fits its kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Text, path, id, prefix, database.
    Text(String),
    /// A number.
    Number(u64),
    /// A switch.
    Switch(bool),
    /// An address.
    Address(IpAddr),
    /// A command or names.
    Words(Vec<String>),
}

impl Kind {
    /// For people: "must be …".
    pub fn expected(self) -> String {
        match self {
            Self::OneOf(names) => {
                let names: Vec<String> = names.iter().map(|n| format!("\"{n}\"")).collect();
                names.join(" or ")
            }
            Self::SomeOf(names) => format!("an array with some of: {}", names.join(", ")),
            Self::WebAddress => "an address in quotes that begins with https:// or http://".to_owned(),
            Self::Chat => "the chat's number, for example -1001234567890, or its name as \"@name\"".to_owned(),
            Self::Path => "an absolute path in quotes".to_owned(),
            Self::Paths => "an array of absolute paths, for example [\"/opt/tools\"]".to_owned(),
            Self::Word => "one word in quotes that does not begin with a dash".to_owned(),
            Self::Address => "an IP address in quotes, for example \"127.0.0.1\"".to_owned(),
            Self::Number(min, max) => format!("a whole number from {min} to {max}"),
            Self::Switch => "true or false".to_owned(),
            Self::Command => {
                "a command in quotes, for example \"my-agent --fast\", or an array of its words".to_owned()
            }
            Self::Variables => {
                "an array of names of environment variables, for example [\"LANG\"]; not ORCH_*".to_owned()
            }
            Self::Id => "small letters, digits and dashes in quotes, for example \"shop\"".to_owned(),
            Self::Prefix => {
                "2 to 10 capital letters and digits in quotes, a letter first, for example \"SHOP\"".to_owned()
            }
            Self::Database => "an address in quotes that begins with postgres://".to_owned(),
            Self::BaseUrl => "an address in quotes: https, or http to a loopback address".to_owned(),
            Self::Remote => {
                "an address in quotes as https://HOST/PATH or ssh://USER@HOST/PATH, without any secret".to_owned()
            }
            Self::Patterns => "an array of patterns of paths, for example [\"migrations/**\"]".to_owned(),
            Self::Hosts => "an array of host names, for example [\"docs.rs\", \"*.example.com\"]".to_owned(),
            Self::Inside => {
                "an array of hosts, for example [\"nexus.corp\", \"*.corp:8443\", \"10.1.2.3\", \"10.2.0.0/16\"]"
                    .to_owned()
            }
            Self::Proxy => "an address in quotes as http://HOST:PORT, without a login".to_owned(),
            Self::Revision => {
                "`json:/POINTER`, `header:NAME`, `text:…{revision}…` or `none` in quotes, for example \"json:/revision\""
                    .to_owned()
            }
            Self::Prices => "an array of prices in dollars, for example [\"my-* = 5 / 0.5 / 6.25 / 25\"]".to_owned(),
            Self::Dollars => "dollars from 0 to 1000000, for example 2.5".to_owned(),
        }
    }

    /// Reads a value of the file. `Err` says what was found instead.
    pub fn of_toml(self, value: &DeValue<'_>) -> Result<Value, String> {
        match (self, value) {
            (Self::Number(..), DeValue::Integer(number)) => {
                let digits = number.as_str().replace('_', "");
                u64::from_str_radix(&digits, number.radix()).map_err(|_| digits).and_then(|n| self.number(n))
            }
            (Self::Switch, DeValue::Boolean(on)) => Ok(Value::Switch(*on)),
            (Self::Chat, DeValue::Integer(number)) if number.radix() == 10 => {
                self.of_text(&number.as_str().replace('_', ""))
            }
            (Self::Dollars, DeValue::Integer(number)) if number.radix() == 10 => self.of_text(number.as_str()),
            (Self::Dollars, DeValue::Float(number)) => self.of_text(number.as_str()),
            (
                Self::Command
                | Self::Variables
                | Self::Paths
                | Self::Hosts
                | Self::Patterns
                | Self::Inside
                | Self::Prices
                | Self::SomeOf(_),
                DeValue::Array(items),
            ) => {
                let mut words = Vec::new();
                for item in items.iter() {
                    match item.get_ref() {
                        DeValue::String(word) => words.push(word.to_string()),
                        other => return Err(format!("an array with {} in it", article(other))),
                    }
                }
                self.words(words)
            }
            (
                Self::Number(..)
                | Self::Switch
                | Self::Variables
                | Self::Paths
                | Self::Hosts
                | Self::Patterns
                | Self::Inside
                | Self::Prices
                | Self::SomeOf(_)
                | Self::Dollars,
                _,
            ) => Err(article(value)),
            (_, DeValue::String(text)) => self.of_text(text),
            _ => Err(article(value)),
        }
    }

    /// Reads a text: a value of the file in quotes, or a variable. `Err` says what was found instead.
    pub fn of_text(self, text: &str) -> Result<Value, String> {
        let found = || if text.is_empty() { "nothing".to_owned() } else { format!("\"{}\"", text.escape_debug()) };
        let fits = match self {
            Self::Number(..) => {
                return text.trim().parse().map_err(|_| found()).and_then(|n| self.number(n));
            }
            Self::Switch => {
                return match text.trim().to_ascii_lowercase().as_str() {
                    "true" | "1" | "yes" | "on" => Ok(Value::Switch(true)),
                    "false" | "0" | "no" | "off" => Ok(Value::Switch(false)),
                    _ => Err(found()),
                };
            }
            Self::Address => return text.trim().parse().map(Value::Address).map_err(|_| found()),
            Self::Command => {
                let words = shlex::split(text).ok_or("a command with an open quote")?;
                // No shell runs it; a pipe would reach the program as an argument, and nobody would notice.
                if let Some(sign) = words.iter().find(|w| is_shell_sign(w)) {
                    return Err(format!(
                        "a shell line (`{sign}`); write [\"sh\", \"-c\", \"…\"] to have a shell run it"
                    ));
                }
                return self.words(words);
            }
            Self::Dollars => return orch_egress::price::micros(text.trim()).map(Value::Number).ok_or_else(found),
            Self::Prices => return self.words(vec![text.to_owned()]),
            Self::Variables | Self::Paths | Self::Hosts | Self::Patterns | Self::Inside | Self::SomeOf(_) => {
                return self.words(text.split_whitespace().map(str::to_owned).collect());
            }
            Self::OneOf(names) => names.contains(&text),
            Self::Path => text.starts_with('/'),
            // It becomes an argument.
            Self::Word => {
                !text.is_empty()
                    && !text.starts_with('-')
                    && !text.contains(|c: char| c.is_whitespace() || c.is_control())
            }
            Self::Chat => {
                let name = text.strip_prefix('@');
                name.map_or_else(|| text.parse::<i64>().is_ok(), |name| !name.is_empty() && is_variable(name))
            }
            Self::Id => is_id(text),
            Self::Prefix => orch_rules::work_item::valid_prefix(text),
            Self::Remote => orch_git::RemoteUrl::new(text).is_ok(),
            Self::BaseUrl => orch_egress::upstream::check(text),
            Self::WebAddress => is_web_address(text),
            Self::Proxy => orch_egress::OuterProxy::read(text).is_some(),
            Self::Revision => orch_vendors::health::RevisionFrom::parse(text).is_some(),
            Self::Database => text.starts_with("postgres://") || text.starts_with("postgresql://"),
        };
        match fits {
            true => Ok(Value::Text(text.to_owned())),
            // What looks like an address may carry a password.
            false if matches!(self, Self::Database | Self::BaseUrl | Self::WebAddress | Self::Proxy | Self::Remote) => {
                // Why says it without repeating it.
                let why = (self == Self::Remote).then(|| orch_git::RemoteUrl::new(text).err()).flatten();
                Err(why.unwrap_or_else(|| "something else".to_owned()))
            }
            false => Err(found()),
        }
    }

    fn number(self, n: u64) -> Result<Value, String> {
        match self {
            Self::Number(min, max) if n < min || n > max => Err(n.to_string()),
            _ => Ok(Value::Number(n)),
        }
    }

    fn words(self, words: Vec<String>) -> Result<Value, String> {
        if self == Self::Command && words.first().is_none_or(|program| program.trim().is_empty()) {
            return Err("an empty command".to_owned());
        }
        if self == Self::Variables
            && let Some(name) = words.iter().find(|name| !is_variable(name) || name.starts_with("ORCH_"))
        {
            return Err(format!("\"{}\"", name.escape_debug()));
        }
        let wrong = match self {
            Self::Paths => words.iter().find(|path| !path.starts_with('/')),
            Self::Hosts => words.iter().find(|host| orch_egress::allow::pattern(host).is_none()),
            Self::Inside => words.iter().find(|host| orch_egress::InsideEntry::read(host).is_none()),
            Self::SomeOf(names) => words.iter().find(|word| !names.contains(&word.as_str())),
            Self::Patterns => words.iter().find(|pattern| pattern.is_empty() || pattern.starts_with('/')),
            Self::Prices => words.iter().find(|price| orch_egress::price::parse(price).is_none()),
            _ => None,
        };
        match wrong {
            Some(word) => Err(format!("\"{}\"", word.escape_debug())),
            None => Ok(Value::Words(words)),
        }
    }
}

impl Value {
    /// The text of a text-like value.
    pub fn into_text(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::Number(n) => n.to_string(),
            Self::Switch(on) => on.to_string(),
            Self::Address(address) => address.to_string(),
            Self::Words(words) => words.join(" "),
        }
    }
}

/// `[a-z0-9-]+`, no dash at an end.
fn is_id(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 64
        && !text.starts_with('-')
        && !text.ends_with('-')
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

fn is_web_address(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let host = |rest: &str| rest.split(['/', '?', '#']).next().is_some_and(|host| !host.is_empty());
    rest.is_some_and(host) && text.chars().all(|c| c.is_ascii_graphic())
}

fn is_variable(name: &str) -> bool {
    name.bytes().next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

fn is_shell_sign(word: &str) -> bool {
    matches!(word, "|" | "||" | "&&" | "&" | ";" | ">" | ">>" | "<" | "2>" | "2>&1")
}

fn article(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => format!("the text \"{}\"", text.escape_debug()),
        DeValue::Integer(n) => format!("the number {}", n.as_str()),
        DeValue::Float(n) => format!("the number {}", n.as_str()),
        DeValue::Boolean(on) => on.to_string(),
        DeValue::Datetime(_) => "a date".to_owned(),
        DeValue::Array(_) => "an array".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_split_like_a_shell_does_but_never_run_by_one() {
        let words = |text: &str| Kind::Command.of_text(text);
        assert_eq!(words("a --x 'b c'"), Ok(Value::Words(vec!["a".into(), "--x".into(), "b c".into()])));
        assert!(words("a | b").unwrap_err().contains("sh"));
        assert!(words("a 'b").unwrap_err().contains("open quote"));
        assert!(words("  ").is_err());
    }

    #[test]
    fn agents_never_get_our_own_variables() {
        assert!(Kind::Variables.of_text("LANG ORCH_STORE_URL").is_err());
        assert!(Kind::Variables.of_text("LANG PATH_2").is_ok());
        assert!(Kind::Variables.of_text("A=B").is_err());
    }

    #[test]
    fn bounds_are_included() {
        let kind = Kind::Number(1, 64);
        assert!(kind.of_text("1").is_ok() && kind.of_text("64").is_ok());
        assert!(kind.of_text("0").is_err() && kind.of_text("65").is_err() && kind.of_text("-1").is_err());
        assert!(kind.of_text("99999999999999999999999").is_err());
    }

    #[test]
    fn ids_and_prefixes() {
        assert!(is_id("shop-2") && !is_id("-a") && !is_id("A") && !is_id("") && !is_id("a/b"));
        let prefix = |text| Kind::Prefix.of_text(text).is_ok();
        assert!(prefix("ET") && prefix("A2") && prefix("ABCDEFGHIJ"));
        assert!(!prefix("A") && !prefix("2A") && !prefix("et") && !prefix("ABCDEFGHIJK"));
    }

    #[test]
    fn a_web_address_has_a_host_and_a_refused_one_is_not_repeated() {
        let kind = Kind::WebAddress;
        assert!(kind.of_text("https://a.example/x?y=1").is_ok() && kind.of_text("http://127.0.0.1:1").is_ok());
        for wrong in ["https:///s3cret", "ftp://a", "https://a b", "a/s3cret", ""] {
            assert_eq!(kind.of_text(wrong), Err("something else".to_owned()), "{wrong}");
        }
    }

    #[test]
    fn a_refused_database_address_is_not_repeated() {
        assert_eq!(Kind::Database.of_text("mysql://a:secret@b"), Err("something else".to_owned()));
    }
}
