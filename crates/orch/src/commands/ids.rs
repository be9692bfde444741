//! Short names of tasks and repositories.

use orch_web::view::RepositoryList;

use crate::client::Caller;
use crate::exit::{Exit, Failure};

/// All repositories, as the API serves them.
pub const REPOSITORIES: &str = "/api/v1/repositories";

/// The full id of a task: `1`, `shop-1` and `SHOP-001` are the same if `SHOP` is the prefix of the repository one
/// stands in, or the only one.
pub fn task(typed: &str, caller: &Caller) -> Result<String, Failure> {
    let typed = typed.trim();
    let wrong = || {
        Failure::new(Exit::Usage, format!("`{}` is no task id", crate::screen::printable(typed)))
            .fix("write it like SHOP-001, shop-1 or 1; orch board lists them")
    };
    let (prefix, number) = match typed.rsplit_once('-') {
        Some((prefix, number)) if !prefix.is_empty() => (Some(prefix), number),
        Some(_) => return Err(wrong()),
        None => (None, typed),
    };
    let word = prefix.unwrap_or_default().chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    let digits = number.chars().all(|c| c.is_ascii_digit());
    let Some(number) = number.parse::<u32>().ok().filter(|_| word && digits) else { return Err(wrong()) };
    let known: RepositoryList = caller.read(REPOSITORIES)?;
    let prefix = prefix.or(caller.here().map(|here| here.prefix.as_str()));
    full(prefix, number, known.repositories.into_iter().map(|repository| repository.prefix).collect())
}

fn full(prefix: Option<&str>, number: u32, mut known: Vec<String>) -> Result<String, Failure> {
    known.sort();
    known.dedup();
    let prefix = match (prefix, known.as_slice()) {
        // A prefix nobody knows is still asked for: a task of a repository that was taken away can be looked at.
        (Some(prefix), _) => {
            known.into_iter().find(|known| known.eq_ignore_ascii_case(prefix)).unwrap_or_else(|| prefix.to_uppercase())
        }
        (None, [only]) => only.clone(),
        (None, []) => {
            return Err(Failure::new(Exit::NotFound, "there is no repository yet")
                .fix("run orch init in the repository that orch is to work on"));
        }
        (None, several) => {
            let names: Vec<String> = several.iter().map(|prefix| format!("{prefix}-{number:03}")).collect();
            return Err(Failure::new(Exit::Usage, format!("`{number}` could be {}", names.join(" or ")))
                .fix("write the whole id"));
        }
    };
    Ok(format!("{prefix}-{number:03}"))
}

/// The repository that was named, or the one the person stands in, or the only one.
pub fn repository(named: Option<&str>, caller: &Caller) -> Result<String, Failure> {
    if let Some(named) = named {
        return Ok(named.to_owned());
    }
    let known: RepositoryList = caller.read(REPOSITORIES)?;
    let ids: Vec<&str> = known.repositories.iter().map(|repository| repository.id.as_str()).collect();
    one_of(caller.here().map(|here| here.id.as_str()), &ids)
}

fn one_of(here: Option<&str>, known: &[&str]) -> Result<String, Failure> {
    if let Some(here) = here {
        if known.contains(&here) {
            return Ok(here.to_owned());
        }
        return Err(Failure::new(
            Exit::NotFound,
            format!("the running service does not know the repository {here} yet"),
        )
        .fix("it reads the host file at its start: stop it, then orch up"));
    }
    match known {
        [only] => Ok((*only).to_owned()),
        [] => Err(Failure::new(Exit::NotFound, "there is no repository yet")
            .fix("run orch init in the repository that orch is to work on")),
        several => Err(Failure::new(Exit::Usage, format!("there are {} repositories", several.len()))
            .fix(format!("say which: --repo {}; or stand in its folder", several.join(" or --repo ")))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn short(prefix: Option<&str>, known: &[&str]) -> Result<String, Exit> {
        full(prefix, 1, known.iter().map(|&prefix| prefix.to_owned()).collect()).map_err(|failure| failure.exit)
    }

    #[test]
    fn short_names_become_full_ones() {
        assert_eq!(short(None, &["SHOP"]), Ok("SHOP-001".to_owned()));
        assert_eq!(short(Some("shop"), &["SHOP", "ET"]), Ok("SHOP-001".to_owned()));
        assert_eq!(short(Some("Web2"), &["web2"]), Ok("web2-001".to_owned()));
        assert_eq!(short(Some("gone"), &["SHOP"]), Ok("GONE-001".to_owned()));
        assert_eq!(short(None, &["SHOP", "SHOP"]), Ok("SHOP-001".to_owned()));
        assert_eq!(full(Some("ET"), 1234, Vec::new()).unwrap(), "ET-1234");
    }

    #[test]
    fn where_one_stands_is_what_is_meant() {
        let one_of = |here, known: &[&str]| one_of(here, known).map_err(|failure| failure.exit);
        assert_eq!(one_of(Some("b"), &["a", "b"]), Ok("b".to_owned()));
        assert_eq!(one_of(Some("new"), &["a"]), Err(Exit::NotFound));
        assert_eq!(one_of(None, &["a"]), Ok("a".to_owned()));
        assert_eq!(one_of(None, &["a", "b"]), Err(Exit::Usage));
        assert_eq!(one_of(None, &[]), Err(Exit::NotFound));
    }

    #[test]
    fn what_is_not_clear_is_not_guessed() {
        assert_eq!(short(None, &["SHOP", "ET"]), Err(Exit::Usage));
        assert_eq!(short(None, &[]), Err(Exit::NotFound));
    }
}
