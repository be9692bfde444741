//! Spellings of ours that people meet, in words: programs read the spelling, people the word.

use fluent_bundle::FluentArgs;

use crate::catalogue::find;
use crate::language::Language;

/// Which list a spelling is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WordList {
    /// Gates of a stage.
    Gate,
    /// What is queued and done beside the decisions.
    Work,
    /// How far such work is.
    State,
    /// How far a task is in a line.
    Place,
    /// How an attempt ended.
    End,
    /// What came of a test.
    Test,
}

impl WordList {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Gate, Self::Work, Self::State, Self::Place, Self::End, Self::Test];

    fn prefix(self) -> &'static str {
        match self {
            Self::Gate => "gate",
            Self::Work => "work",
            Self::State => "state",
            Self::Place => "place",
            Self::End => "end",
            Self::Test => "test",
        }
    }
}

/// The word for a spelling. One that there is none for, because a newer release has it, is shown without its underlines.
#[must_use]
pub fn word(list: WordList, spelling: &str, language: Language) -> String {
    known(list, spelling, language).unwrap_or_else(|| spelling.replace('_', " "))
}

fn known(list: WordList, spelling: &str, language: Language) -> Option<String> {
    let plain = spelling.split(|c: char| !c.is_ascii_alphanumeric()).filter(|part| !part.is_empty());
    let id = format!("{}-{}", list.prefix(), plain.collect::<Vec<_>>().join("-"));
    find(language, &id, &FluentArgs::new()).map(|sentence| sentence.text)
}

/// Whether this release has a word for it.
#[must_use]
pub fn is_known(list: WordList, spelling: &str) -> bool {
    known(list, spelling, Language::English).is_some()
}

/// What stands for the argument of a reason: the word, where its name says of which list it is.
pub(crate) fn of_argument<'a>(name: &str, given: &'a str, language: Language) -> std::borrow::Cow<'a, str> {
    match name {
        "gate" => word(WordList::Gate, given, language).into(),
        "effect" => word(WordList::Work, given, language).into(),
        // For whoever looks for the rule; no word of its own.
        "rules" => given.replace('_', " ").into(),
        _ => given.into(),
    }
}
