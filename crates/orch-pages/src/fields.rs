//! A form that was sent: by a page of ours, of this session.

use std::collections::BTreeMap;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use orch_rules::rights::PersonRole;
use subtle::ConstantTimeEq;

use crate::door::LoggedIn;
use crate::reply::Oops;
use crate::{Pages, say::Voice};

/// What stands in the fields of a form, by their names.
#[derive(Debug, Default)]
pub(crate) struct FormFields(BTreeMap<String, String>);

impl FormFields {
    /// Of a body as browsers encode it.
    pub fn read(body: &[u8]) -> Self {
        let pairs = body.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()).map(|pair| {
            let mut halves = pair.splitn(2, |byte| *byte == b'=');
            (decoded(halves.next().unwrap_or_default()), decoded(halves.next().unwrap_or_default()))
        });
        // The first of a name holds: buttons stand behind the fields.
        Self(pairs.fold(BTreeMap::new(), |mut all, (name, value)| {
            all.entry(name).or_insert(value);
            all
        }))
    }

    /// What stands in a field; empty if there is none of that name.
    pub fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    /// The same, unless it is blank.
    pub fn some(&self, name: &str) -> Option<String> {
        Some(self.get(name).trim()).filter(|text| !text.is_empty()).map(str::to_owned)
    }

    /// The request's name: the same press sent twice is one.
    pub fn key(&self) -> String {
        self.some("key").filter(|key| key.len() <= 200).unwrap_or_else(|| uuid::Uuid::now_v7().to_string())
    }

    /// Where to go afterwards: a page of ours, else `otherwise`.
    pub fn back(&self, otherwise: &str) -> String {
        let back = self.get("back");
        let ours =
            back.starts_with('/') && !back.starts_with("//") && !back.contains(|c: char| c == '\\' || c.is_control());
        if ours { back.to_owned() } else { otherwise.to_owned() }
    }
}

fn decoded(text: &[u8]) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        let hex = text.get(at + 1..at + 3).and_then(|digits| std::str::from_utf8(digits).ok());
        match (byte, hex.and_then(|digits| u8::from_str_radix(digits, 16).ok())) {
            (b'%', Some(value)) => {
                bytes.push(value);
                at += 2;
            }
            (b'+', _) => bytes.push(b' '),
            (other, _) => bytes.push(*other),
        }
        at += 1;
    }
    String::from_utf8_lossy(&bytes).replace("\r\n", "\n")
}

/// A form of somebody who logged in, sent by one of our pages.
pub(crate) struct SentForm {
    pub visitor: LoggedIn,
    pub fields: FormFields,
}

impl SentForm {
    pub fn say(&self) -> &Voice {
        &self.visitor.say
    }

    /// Refuses who only looks. What else somebody may do, the rules say.
    pub fn acts(self) -> Result<Self, Oops> {
        match self.visitor.person.role {
            PersonRole::Viewer => Err(Oops::forbidden(&self.visitor)),
            _ => Ok(self),
        }
    }

    /// Refuses who is no admin.
    pub fn administers(self) -> Result<Self, Oops> {
        match self.visitor.person.role {
            PersonRole::Admin => Ok(self),
            _ => Err(Oops::forbidden(&self.visitor)),
        }
    }
}

impl FromRequest<Pages> for SentForm {
    type Rejection = Oops;

    async fn from_request(request: Request, pages: &Pages) -> Result<Self, Oops> {
        let (mut parts, body) = request.into_parts();
        let visitor = LoggedIn::of(&mut parts, pages).await?;
        let body = Bytes::from_request(Request::from_parts(parts, body), &())
            .await
            .map_err(|_| Oops::wrong(&visitor, visitor.say.t("form-too-long")))?;
        let fields = FormFields::read(&body);
        // Another site cannot read our pages, so it cannot know this.
        if !bool::from(fields.get("csrf").as_bytes().ct_eq(visitor.csrf.as_bytes())) {
            return Err(Oops::stale(&visitor));
        }
        Ok(Self { visitor, fields })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_read_as_browsers_send_it() {
        let fields = FormFields::read("a=1+2&b=%D0%B4%D0%B0%0D%0A%26&c&a=3&d=%zz%".as_bytes());
        assert_eq!((fields.get("a"), fields.get("b"), fields.get("c")), ("1 2", "да\n&", ""));
        assert_eq!((fields.get("d"), fields.get("e")), ("%zz%", ""));
    }

    #[test]
    fn nobody_is_sent_elsewhere() {
        for (back, to) in [
            ("/board?q=x", "/board?q=x"),
            ("//evil.example", "/"),
            ("https://evil.example", "/"),
            ("/\\evil.example", "/"),
            // Browsers leave these out, and read an address of another host then.
            ("/\t/evil.example", "/"),
            ("/\n/evil.example", "/"),
            ("", "/"),
        ] {
            let fields = FormFields(BTreeMap::from([("back".to_owned(), back.to_owned())]));
            assert_eq!(fields.back("/"), to, "{back}");
        }
    }
}
