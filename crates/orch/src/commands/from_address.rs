//! `orch new ADDRESS`: an issue that stands somewhere else.

use std::sync::Arc;

use orch_vendors::forge::reach::Channel;

use super::draft::IssueText;
use crate::exit::Failure;
use crate::screen::Screen;
use crate::settings::{self, Host};
use crate::wiring::repositories::api;

/// What an address of an issue says by itself.
#[derive(Debug, PartialEq, Eq)]
struct IssueAddress<'a> {
    /// The page of the repository or project that it is of.
    page: &'a str,
    /// Its number or id there.
    number: &'a str,
}

/// Whether somebody gave an address where a title is meant.
pub fn is_address(title: &str) -> bool {
    let rest = title.strip_prefix("https://").or_else(|| title.strip_prefix("http://"));
    rest.is_some_and(|rest| rest.contains('/') && !title.contains(char::is_whitespace))
}

/// The address taken apart: `PAGE/issues/7` of Gitea, Forgejo and GitHub, `PAGE/-/issues/7` of GitLab, `PAGE/issues/ID` and
/// `PAGE/browse/SHOP-7` of trackers; `None`: it is no address of an issue that we know.
fn named(address: &str) -> Option<IssueAddress<'_>> {
    let plain = address.split(['?', '#']).next()?.trim_end_matches('/');
    let (page, number) = plain.rsplit_once('/')?;
    let page = page.strip_suffix("/issues").or_else(|| page.strip_suffix("/browse"))?;
    let page = page.strip_suffix("/-").unwrap_or(page);
    let fits = !number.is_empty() && number.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    fits.then_some(IssueAddress { page, number })
}

/// The issue at an address: read where a connection of this host can read it, else no more than where it stands; says which.
/// `description` is what the person adds.
///
/// # Errors
/// If the settings of the host cannot be read.
pub fn read(
    address: &str,
    description: &str,
    screen: &Screen,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<IssueText, Failure> {
    let (host, _) = settings::load(env)?;
    let named = named(address);
    let found = named.as_ref().and_then(|named| asked(&host, named));
    let (title, text) = match found {
        Some(Ok((title, text))) => {
            screen.note(&format!("read from {address}"));
            (title, text)
        }
        other => {
            let why = match other {
                Some(Err(why)) => why,
                _ => "no repository of this host has its forge there, so nobody here can read it".to_owned(),
            };
            screen.warn(&format!(
                "{address} is kept as a reference only: {why}; agents do not reach it: say in the task what is wanted (orch \
                 edit)"
            ));
            (of_reference(address, named.as_ref()), String::new())
        }
    };
    Ok(IssueText { title, description: told(&text, description, address) })
}

/// Title of an issue that cannot be read.
fn of_reference(address: &str, named: Option<&IssueAddress<'_>>) -> String {
    let Some(IssueAddress { page, number }) = named else { return format!("What {address} asks for") };
    let of = page.rsplit('/').next().unwrap_or_default();
    format!("What {of}#{number} asks for")
}

/// What the issue says, what the person adds, and where it stands.
fn told(text: &str, added: &str, address: &str) -> String {
    let from = format!("From {address}");
    let parts = [text.trim(), added.trim(), &from];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n\n")
}

/// Asks the server of the repository whose page it is; `None`: none of them is.
fn asked(host: &Host, named: &IssueAddress<'_>) -> Option<Result<(String, String), String>> {
    let number: u64 = named.number.parse().ok()?;
    let mut products = host.repositories.iter().filter_map(|entry| host.product(entry));
    let product = products.find(|product| product.page.to_string().eq_ignore_ascii_case(named.page))?;
    let read = api(product, |_| Arc::new(Channel::default())).issue(number);
    Some(read.map_err(|error| error.words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_issues_are_known_and_others_are_not() {
        for (address, page, number) in [
            ("https://git.example.org/acme/shop/issues/7", "https://git.example.org/acme/shop", "7"),
            ("https://github.com/acme/shop/issues/12#issuecomment-3", "https://github.com/acme/shop", "12"),
            ("https://gitlab.com/a/b/c/-/issues/4/", "https://gitlab.com/a/b/c", "4"),
            ("http://plane.lan/acme/projects/p-1/issues/5c1f-22", "http://plane.lan/acme/projects/p-1", "5c1f-22"),
            ("https://acme.example.net/browse/SHOP-7?focus=1", "https://acme.example.net", "SHOP-7"),
        ] {
            assert!(is_address(address));
            assert_eq!(named(address), Some(IssueAddress { page, number }), "{address}");
        }
        for other in ["https://example.org/a/b", "https://example.org/issues/", "https://example.org/x/issues/a b"] {
            assert_eq!(named(other), None, "{other}");
        }
        for title in ["Say hello", "see https://example.org/a/issues/1", "https:", "http://x", "https://x/a b"] {
            assert!(!is_address(title), "{title}");
        }
    }

    #[test]
    fn what_stands_elsewhere_is_told_with_where_it_stands() {
        assert_eq!(
            told(" It is slow.\n", "Only at night.", "http://x/1"),
            "It is slow.\n\nOnly at night.\n\nFrom http://x/1"
        );
        assert_eq!(told("", "", "http://x/1"), "From http://x/1");
        assert_eq!(of_reference("https://a/b/issues/7", named("https://a/b/issues/7").as_ref()), "What b#7 asks for");
        assert_eq!(of_reference("https://a/b", None), "What https://a/b asks for");
    }
}
