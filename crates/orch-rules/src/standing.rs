//! How a repository stands: what was found by looking becomes its row among the outages.

use crate::actor::Actor;
use crate::change::{AuditLine, Change, ChangeSet, Guard};
use crate::ids::{RepositoryId, Timestamp};
use crate::outage::{Outage, Source};
use crate::reason;

/// What a look at a repository found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Nothing is wrong with it.
    Well,
    /// It is worked in, and people should know something about it.
    Notice(String),
    /// Nothing of it starts or lands before that is mended: what is wrong, and what to do.
    Trouble(String),
    /// Nothing of it starts or lands yet, and nobody has to do anything for that: what is waited for.
    NotYet(String),
}

/// Writes down how a repository stands. `known` is what was written last; `None` if that is what was found again.
pub fn repository_stands(
    known: Option<&Outage>,
    repository: &RepositoryId,
    standing: &Standing,
    now: Timestamp,
) -> Option<ChangeSet> {
    let source = Source::Repository { name: repository.to_string() };
    let before = known.cloned().unwrap_or_else(|| Outage::none(source.clone()));
    let mut after = before.clone();
    match standing {
        Standing::Well => after.heal(),
        Standing::Notice(text) | Standing::Trouble(text) | Standing::NotYet(text) => {
            let holds = !matches!(standing, Standing::Notice(_));
            after.passes = matches!(standing, Standing::NotYet(_));
            let same_kind = before.failures > 0 && (before.is_closed(), before.passes) == (holds, after.passes);
            text.clone_into(&mut after.reason);
            after.failures = 1;
            after.since = if same_kind { before.since } else { now };
            after.until = holds.then_some(after.since);
        }
    }
    if after == before {
        return None;
    }
    let (rule, text) = match standing {
        Standing::Well if before.is_closed() && !before.passes => ("repository_mended", reason::repository_mended()),
        Standing::Well => ("repository_mended", reason::no_longer_so(&before.reason)),
        Standing::Notice(text) | Standing::NotYet(text) => ("repository_notice", reason::quoted(text)),
        Standing::Trouble(text) => ("repository_trouble", reason::repository_trouble(text)),
    };
    let line =
        AuditLine { task: None, repository: repository.clone(), at: now, by: Actor::ORCH, rule: rule.to_owned(), text };
    let key = source.key();
    let changes = vec![
        Change::PutOutage { outage: after },
        Change::Audit { line },
        Change::WakeSlotWaiters { key: key.clone() },
        Change::WakeLane { repository: repository.clone() },
    ];
    Some(ChangeSet { guards: vec![Guard::OutageVersion { key, version: before.version }], changes })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_000_000);

    #[test]
    fn how_a_repository_stands_is_written_once_and_holds_until_it_is_mended() {
        let id = RepositoryId::from("shop");
        let written = |known: Option<&Outage>, standing: &Standing, now| {
            let changes = repository_stands(known, &id, standing, now)?.changes;
            changes.into_iter().find_map(|change| match change {
                Change::PutOutage { outage } => Some(outage),
                _ => None,
            })
        };
        let later = NOW.plus_ms(5_000_000);
        let gone = Standing::Trouble("it is gone".to_owned());
        let trouble = written(None, &gone, NOW).unwrap();
        assert!(trouble.holds(later) && trouble.since == NOW);
        assert_eq!(written(Some(&trouble), &gone, later), None, "the same is no news");
        let other = written(Some(&trouble), &Standing::Trouble("no branch".to_owned()), later).unwrap();
        assert_eq!((other.since, other.reason.as_str()), (NOW, "no branch"), "other words, the same trouble");
        let notice = written(Some(&trouble), &Standing::Notice("main went apart".to_owned()), later).unwrap();
        assert!(!notice.is_closed() && notice.since == later, "a notice holds nothing");
        let not_yet = written(None, &Standing::NotYet("main is tested".to_owned()), NOW).unwrap();
        assert!(not_yet.holds(later) && not_yet.passes, "it holds, and nothing is wrong");
        let red = written(Some(&not_yet), &Standing::Trouble("main is red".to_owned()), later).unwrap();
        assert!(!red.passes && red.since == later, "what is wrong began when it was seen");
        let kept: Outage = serde_json::from_str(&serde_json::to_string(&not_yet).unwrap()).unwrap();
        assert_eq!(kept, not_yet);
        let well = written(Some(&notice), &Standing::Well, later).unwrap();
        assert_eq!(well, Outage { version: notice.version, ..Outage::none(notice.source) });
        assert_eq!(written(Some(&well), &Standing::Well, later), None);
        assert_eq!(written(None, &Standing::Well, later), None);
    }
}
