//! Short names of tasks and repositories.

use orch_web::view::RepositoryList;

use crate::client::{Caller, encoded};
use crate::exit::{Exit, Failure};

/// All repositories, as the API serves them.
pub const REPOSITORIES: &str = "/api/v1/repositories";

/// So many are named where one has to be chosen.
const CHOICES: usize = 4;

/// Which task, on a command line.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct TaskArg {
    /// The task: `SHOP-001`, `shop-1`, or `1` in its repository
    pub id: String,
    /// The repository it is of, if several have that id; that of the current folder, or the only one, if left out
    #[arg(long, value_name = "REPO")]
    pub repo: Option<String>,
}

/// Which tasks, on a command line.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct TasksArg {
    /// The tasks: `SHOP-001`, `shop-1`, or `1` in its repository
    #[arg(required = true, value_name = "ID")]
    pub ids: Vec<String>,
    /// The repository they are of, if several have such ids; that of the current folder, or the only one, if left out
    #[arg(long, value_name = "REPO")]
    pub repo: Option<String>,
}

impl From<&str> for TaskArg {
    fn from(id: &str) -> Self {
        Self { id: id.to_owned(), repo: None }
    }
}

/// A task, as the service knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// The full id.
    pub id: String,
    /// Its repository; `None` if none that is registered has this prefix.
    repository: Option<String>,
}

impl Named {
    /// Its address in the API.
    pub fn address(&self) -> String {
        let id = encoded(&self.id);
        match &self.repository {
            Some(repository) => format!("{REPOSITORIES}/{}/tasks/{id}", encoded(repository)),
            None => format!("/api/v1/tasks/{id}"),
        }
    }
}

/// The task that is meant: `1`, `shop-1` and `SHOP-001` are the same if `SHOP` is the prefix of the repository that is
/// named, or that one stands in, or of the only one.
pub fn task(typed: &TaskArg, caller: &Caller) -> Result<Named, Failure> {
    let (prefix, number) = parts(typed.id.trim())?;
    let known: RepositoryList = caller.read(REPOSITORIES)?;
    let known: Vec<(&str, &str)> =
        known.repositories.iter().map(|repository| (repository.id.as_str(), repository.prefix.as_str())).collect();
    let here = caller.here().map(|here| here.id.as_str());
    named(prefix, number, typed.repo.as_deref(), here, &known)
}

/// The full id of a task that another one of this repository is to wait for.
pub fn other_task(typed: &str, repository: Option<&str>, caller: &Caller) -> Result<String, Failure> {
    let typed = TaskArg { id: typed.to_owned(), repo: repository.map(str::to_owned) };
    Ok(task(&typed, caller)?.id)
}

/// Prefix, if there is one, and number.
fn parts(typed: &str) -> Result<(Option<&str>, u32), Failure> {
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
    let number = number.parse::<u32>().ok().filter(|_| word && digits).ok_or_else(wrong)?;
    Ok((prefix, number))
}

/// `known` are the repositories and their prefixes.
fn named(
    prefix: Option<&str>,
    number: u32,
    repo: Option<&str>,
    here: Option<&str>,
    known: &[(&str, &str)],
) -> Result<Named, Failure> {
    let of = |(repository, prefix): &(&str, &str)| Named {
        id: format!("{prefix}-{number:03}"),
        repository: Some((*repository).to_owned()),
    };
    let fits = |own: &str| prefix.is_none_or(|prefix| prefix.eq_ignore_ascii_case(own));
    if let Some(repo) = repo {
        // One that was taken out of the settings still has its tasks.
        let own = known.iter().find(|(id, _)| *id == repo).filter(|(_, own)| fits(own));
        return match (own, prefix) {
            (Some(own), _) => Ok(of(own)),
            (None, Some(prefix)) => {
                Ok(Named { repository: Some(repo.to_owned()), ..of(&(repo, &prefix.to_uppercase())) })
            }
            (None, None) => {
                Err(Failure::new(Exit::NotFound, format!("the service does not know the repository {repo}"))
                    .fix("orch queue lists them; write the whole id for one that was taken out"))
            }
        };
    }
    let fitting: Vec<_> = known.iter().filter(|(_, own)| fits(own)).collect();
    if let Some(own) = fitting.iter().find(|(id, _)| here == Some(*id)) {
        return Ok(of(own));
    }
    match (fitting.as_slice(), prefix) {
        ([only], _) => Ok(of(only)),
        // A prefix nobody knows is still asked for: a task of a repository that was taken away can be looked at.
        ([], Some(prefix)) => Ok(Named { id: format!("{}-{number:03}", prefix.to_uppercase()), repository: None }),
        ([], None) => Err(Failure::new(Exit::NotFound, "there is no repository yet")
            .fix("run orch init in the repository that orch is to work on")),
        (several, _) => {
            let names = some(several.iter().map(|one| format!("{} --repo {}", of(one).id, one.0)));
            Err(Failure::new(Exit::Usage, format!("{} repositories have such a task", several.len()))
                .fix(format!("say which: {names}; or stand in its folder")))
        }
    }
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
        .fix("try again; if that does not help, start it anew: orch down, then orch up"));
    }
    match known {
        [only] => Ok((*only).to_owned()),
        [] => Err(Failure::new(Exit::NotFound, "there is no repository yet")
            .fix("run orch init in the repository that orch is to work on")),
        several => Err(Failure::new(Exit::Usage, format!("there are {} repositories", several.len())).fix(format!(
            "say which: {}; or stand in its folder",
            some(several.iter().map(|id| format!("--repo {id}")))
        ))),
    }
}

/// A few of them to choose from.
fn some(all: impl ExactSizeIterator<Item = String>) -> String {
    let more = all.len().saturating_sub(CHOICES);
    let shown = all.take(CHOICES).collect::<Vec<_>>().join(", or ");
    if more == 0 { shown } else { format!("{shown}, or one of {more} more (orch repo list)") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(
        prefix: Option<&str>,
        repo: Option<&str>,
        here: Option<&str>,
        known: &[(&str, &str)],
    ) -> Result<String, Exit> {
        named(prefix, 1, repo, here, known).map(|named| named.address()).map_err(|failure| failure.exit)
    }

    #[test]
    fn short_names_become_addresses() {
        let one = [("shop", "SHOP")];
        let at = |repository: &str, id: &str| Ok(format!("/api/v1/repositories/{repository}/tasks/{id}"));
        assert_eq!(of(None, None, None, &one), at("shop", "SHOP-001"));
        assert_eq!(of(Some("shop"), None, None, &[("shop", "SHOP"), ("et", "ET")]), at("shop", "SHOP-001"));
        assert_eq!(of(Some("Web2"), None, None, &[("w", "web2")]), at("w", "web2-001"));
        assert_eq!(of(Some("gone"), None, None, &one), Ok("/api/v1/tasks/GONE-001".to_owned()));
        assert_eq!(of(Some("gone"), Some("old"), None, &one), at("old", "GONE-001"));
        assert_eq!(of(None, Some("shop"), None, &[("shop", "SHOP"), ("et", "ET")]), at("shop", "SHOP-001"));
        assert_eq!(parts("ET-1234").unwrap(), (Some("ET"), 1234));
    }

    #[test]
    fn one_prefix_of_two_repositories_is_not_guessed() {
        let twice = [("one", "ET"), ("two", "ET"), ("web", "WEB")];
        for typed in [None, Some("ET"), Some("et")] {
            assert_eq!(of(typed, None, None, &twice), Err(Exit::Usage), "{typed:?}");
            assert_eq!(of(typed, None, Some("two"), &twice), Ok("/api/v1/repositories/two/tasks/ET-001".to_owned()));
            assert_eq!(
                of(typed, Some("one"), Some("two"), &twice),
                Ok("/api/v1/repositories/one/tasks/ET-001".to_owned())
            );
        }
        assert_eq!(of(Some("WEB"), None, Some("two"), &twice), Ok("/api/v1/repositories/web/tasks/WEB-001".to_owned()));
        let told = named(Some("ET"), 1, None, None, &twice).unwrap_err();
        assert!(told.fix.unwrap().contains("ET-001 --repo one, or ET-001 --repo two"));
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
        assert_eq!(of(None, None, None, &[("shop", "SHOP"), ("et", "ET")]), Err(Exit::Usage));
        assert_eq!(of(None, None, None, &[]), Err(Exit::NotFound));
        assert_eq!(of(None, Some("none"), None, &[("shop", "SHOP")]), Err(Exit::NotFound));
    }
}
