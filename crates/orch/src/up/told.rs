//! What `orch up` says of its repositories: each thing once, when it is found and when it is over.

use std::collections::BTreeMap;

use orch_rules::ids::RepositoryId;
use orch_rules::standing::Standing;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use crate::screen::Screen;
use crate::wiring::Notes;

/// A line for whoever reads what the service says.
#[derive(Debug, PartialEq, Eq)]
enum Line {
    /// Somebody has to do something.
    Warn(String),
    /// Nothing is wrong.
    Note(String),
}

/// What was said last of each repository.
#[derive(Default)]
struct Told(BTreeMap<RepositoryId, Standing>);

impl Told {
    /// What is to be said of a repository that was just looked at; nothing if it was said already.
    fn of(&mut self, repository: &RepositoryId, standing: Standing) -> Option<Line> {
        let line = match (self.0.get(repository), &standing) {
            (Some(before), now) if before == now => return None,
            (Some(Standing::Trouble(_)), Standing::Well) => {
                Some(Line::Note(format!("{repository} can be worked in again")))
            }
            (_, Standing::Well) => None,
            (_, Standing::Notice(text)) => Some(Line::Warn(format!("{repository}: {text}"))),
            (_, Standing::NotYet(text)) => Some(Line::Note(format!("{repository}: {text}"))),
            (_, Standing::Trouble(text)) => {
                Some(Line::Warn(format!("{repository} cannot be worked in, the others are: {text}")))
            }
        };
        self.0.insert(repository.clone(), standing);
        line
    }
}

/// Says what each look finds, as long as the engine runs: the service is up, whatever is wrong with one of them.
pub async fn tell(mut standings: Receiver<(RepositoryId, Standing)>, notes: Notes, screen: Screen) {
    let mut told = Told::default();
    loop {
        let (repository, standing) = match standings.recv().await {
            Ok(looked) => looked,
            // What was missed is looked at again.
            Err(RecvError::Lagged(_)) => continue,
            Err(RecvError::Closed) => return,
        };
        notes.take().iter().for_each(|note| screen.line(note));
        match told.of(&repository, standing) {
            Some(Line::Warn(text)) => screen.warn(&text),
            Some(Line::Note(text)) => screen.note(&text),
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_trouble_is_told_once_and_its_end_too() {
        let trouble = |text: &str| Standing::Trouble(text.to_owned());
        let mut told = Told::default();
        let mut say = |repository: &str, standing| match told.of(&repository.into(), standing) {
            None => String::new(),
            Some(Line::Warn(text)) => format!("warning: {text}"),
            Some(Line::Note(text)) => text,
        };
        assert_eq!(say("shop", Standing::Well), "");
        let words = "warning: shop cannot be worked in, the others are: it is gone";
        assert_eq!(say("shop", trouble("it is gone")), words);
        assert_eq!(say("shop", trouble("it is gone")), "", "each look finds it");
        assert_eq!(say("till", Standing::NotYet("main is being tested".to_owned())), "till: main is being tested");
        assert_eq!(say("till", Standing::Well), "");
        assert_eq!(say("shop", trouble("main is red")), words.replace("it is gone", "main is red"));
        assert_eq!(say("shop", Standing::Well), "shop can be worked in again");
        assert_eq!(say("shop", Standing::Notice("gone apart".to_owned())), "warning: shop: gone apart");
        assert_eq!(say("shop", Standing::Well), "", "a notice holds nothing");
    }
}
