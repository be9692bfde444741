//! The real key. It is read from its file, put into one header, and stands nowhere else.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::config::Wire;

/// What a request needs besides an OAuth token, as the vendor's own client sends it.
pub const OAUTH_BETA: &str = "oauth-2025-04-20";

/// A real key; nothing shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential {
    secret: String,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    ApiKey,
    OauthToken,
    Bearer,
}

impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Credential({:?})", self.kind)
    }
}

impl Credential {
    /// Reads the first line of `file`. `name` is the model's name in the settings.
    ///
    /// # Errors
    /// In words, with what to do: unreadable, empty, readable by others, or a credential that is renewed by its
    /// owner's client. Renewing invalidates the older copy, so two holders lock each other out.
    pub fn read(name: &str, file: &Path, wire: Wire) -> Result<Self, String> {
        let place = format!("the key of models.{name} in {}", file.display());
        let text = std::fs::read_to_string(file).map_err(|e| format!("{place} cannot be read: {e}"))?;
        let mode = std::fs::metadata(file).map_or(0, |known| known.mode());
        if mode & 0o077 != 0 {
            return Err(format!("{place} may be read by others: chmod 600 {}", file.display()));
        }
        let Some(secret) = text.lines().next().map(str::trim).filter(|line| !line.is_empty()) else {
            return Err(format!("{place} is empty: write the key on the first line"));
        };
        let renewed = |what: &str, instead: &str| {
            Err(format!(
                "{place} is {what}, which is renewed while it is used, and the copy dies with that; {instead}, and \
                 name that file in models.{name}.key_file"
            ))
        };
        let api_key = "put an API key into a file of its own";
        if secret.starts_with(['{', '[']) {
            return match wire {
                Wire::AnthropicMessages => renewed(
                    "the log-in of Claude Code (.credentials.json)",
                    "run `claude setup-token` and put that token, or an API key, into a file of its own",
                ),
                Wire::OpenAiResponses => renewed("the log-in of Codex (auth.json)", api_key),
            };
        }
        if wire == Wire::OpenAiResponses && secret.starts_with("eyJ") {
            return renewed("the access token of a log-in", api_key);
        }
        if !secret.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(format!("{place} holds signs that no key has: write the key alone on the first line"));
        }
        let kind = match wire {
            Wire::AnthropicMessages if secret.starts_with("sk-ant-oat") => Kind::OauthToken,
            Wire::AnthropicMessages => Kind::ApiKey,
            Wire::OpenAiResponses => Kind::Bearer,
        };
        Ok(Self { secret: secret.to_owned(), kind })
    }

    /// The header it goes into.
    pub fn header(&self) -> (&'static str, String) {
        match self.kind {
            Kind::ApiKey => ("x-api-key", self.secret.clone()),
            Kind::OauthToken | Kind::Bearer => ("authorization", format!("Bearer {}", self.secret)),
        }
    }

    /// The beta that has to be asked for with it.
    pub fn beta(&self) -> Option<&'static str> {
        (self.kind == Kind::OauthToken).then_some(OAUTH_BETA)
    }

    /// Takes the key out of an answer as it passes.
    pub fn scrubber(&self) -> Scrubber<'_> {
        Scrubber { secret: self.secret.as_bytes(), held: Vec::new() }
    }

    /// `text` without the key, should a vendor repeat it in an error.
    pub fn scrubbed(&self, text: &[u8]) -> Vec<u8> {
        let mut clean = Vec::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = memchr::memmem::find(rest, self.secret.as_bytes()) {
            clean.extend_from_slice(&rest[..at]);
            clean.extend_from_slice(b"[key]");
            rest = &rest[at + self.secret.len()..];
        }
        clean.extend_from_slice(rest);
        clean
    }
}

/// Takes a key out of what passes in pieces; its place is filled, so that a length stays true.
pub struct Scrubber<'s> {
    secret: &'s [u8],
    /// The end of the pieces so far, as far as it may be the beginning of the key.
    held: Vec<u8>,
}

impl Scrubber<'_> {
    /// What can be passed on. `last`: nothing comes after `piece`.
    pub fn pass(&mut self, piece: &[u8], last: bool) -> Vec<u8> {
        let mut text = std::mem::take(&mut self.held);
        text.extend_from_slice(piece);
        let mut from = 0;
        while let Some(at) = memchr::memmem::find(&text[from..], self.secret) {
            from += at;
            text[from..from + self.secret.len()].fill(b'*');
            from += self.secret.len();
        }
        if !last {
            let longest = text.len().min(self.secret.len() - 1);
            let begun = (1..=longest).rev().find(|n| text.ends_with(&self.secret[..*n])).unwrap_or(0);
            self.held = text.split_off(text.len() - begun);
        }
        text
    }
}

#[cfg(test)]
mod scrubber_tests {
    use super::*;

    #[test]
    fn the_key_is_taken_out_wherever_the_pieces_end() {
        let credential = Credential { secret: "sk-sk-KEY".to_owned(), kind: Kind::ApiKey };
        let text = b"a sk-sk-sk-KEY b sk-sk-KEYsk-sk-KEY, sk-sk-KE";
        let clean = b"a sk-********* b ******************, sk-sk-KE";
        for length in 1..=text.len() {
            let mut scrubber = credential.scrubber();
            let mut passed = Vec::new();
            for piece in text.chunks(length) {
                passed.extend(scrubber.pass(piece, false));
            }
            passed.extend(scrubber.pass(b"", true));
            assert_eq!(String::from_utf8_lossy(&passed), String::from_utf8_lossy(clean), "pieces of {length}");
        }
    }
}
