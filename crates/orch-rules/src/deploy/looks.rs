//! Looks at what answers on a target.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

/// What one look said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Look {
    /// It answered, and well.
    pub ok: bool,
    /// Which revision it says it is; `None` if it says none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// The process that was started has ended: no further look finds it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub over: bool,
}

/// How often and until when is looked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LookPlan {
    /// Looks at most, unless the first good one comes late.
    pub looks: u32,
    /// Between two of them.
    pub every_ms: u32,
    /// Good ones in a row that make it healthy.
    pub good: u32,
}

impl LookPlan {
    /// After a deployment. May be raised, never lowered.
    pub const AFTER_DEPLOY: Self = Self { looks: 10, every_ms: 6_000, good: 3 };
    /// After a rollback: production is away meanwhile.
    pub const AFTER_ROLLBACK: Self = Self { looks: 20, every_ms: 1_000, good: 3 };
}

/// What looks found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Seen {
    /// The one that is deployed.
    Candidate,
    /// The one before it.
    Previous,
    /// Another one, one that is not well, or nothing.
    Neither,
}

/// Looks that were begun. Forgotten with the process: then they begin anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Looking {
    plan: LookPlan,
    /// The revision that is hoped for, and the one that may have stayed instead.
    wanted: (String, Seen),
    other: Option<(String, Seen)>,
    /// Whether the target says which revision it is.
    says: bool,
    seen: u32,
    /// Good ones in a row, and whether there was ever one.
    good: u32,
    ever: bool,
    /// Looks in a row that met the other one.
    met_other: u32,
}

impl Looking {
    /// For the revision `wanted`, where `other` may run instead. `says`: whether the target tells its revision; where it does
    /// not, what answers counts, and that is said wherever it is shown.
    pub fn new(plan: LookPlan, wanted: (&str, Seen), other: Option<(&str, Seen)>, says: bool) -> Self {
        let owned = |(revision, seen): (&str, Seen)| (revision.to_owned(), seen);
        let other = other.filter(|(revision, _)| says && *revision != wanted.0).map(owned);
        Self { plan, wanted: owned(wanted), other, says, seen: 0, good: 0, ever: false, met_other: 0 }
    }

    /// One more; `None`: go on. Healthy are so many good ones in a row and no bad one after the first of them: what answers
    /// every other time is not well.
    pub fn look(&mut self, look: &Look) -> Option<Seen> {
        self.seen += 1;
        let is = |revision: &str| look.ok && (!self.says || look.revision.as_deref() == Some(revision));
        let good = is(&self.wanted.0);
        let met_other = self.other.as_ref().is_some_and(|(revision, _)| is(revision));
        self.met_other = if met_other { self.met_other + 1 } else { 0 };
        if good {
            self.ever = true;
            self.good += 1;
            return (self.good >= self.plan.good).then_some(self.wanted.1);
        }
        // A first good look that comes late goes on to its last; a bad one after it ends the looks, and so does an end.
        if self.ever || look.over || self.seen >= self.plan.looks {
            let other = self.other.as_ref().filter(|_| self.met_other >= self.plan.good);
            return Some(other.map_or(Seen::Neither, |(_, seen)| *seen));
        }
        None
    }
}

/// Looks at what was found healthy, for a while after. Forgotten with the process: then they begin anew.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Baking {
    /// Whether each of the last ones was good.
    last: VecDeque<bool>,
}

impl Baking {
    /// Looks that count.
    pub const SEEN: usize = 10;
    /// Bad ones of them that are too many.
    pub const BAD: usize = 3;

    /// One more of what should answer as `wanted`; true: it degrades.
    pub fn look(&mut self, look: &Look, wanted: &str, says: bool) -> bool {
        if self.last.len() == Self::SEEN {
            self.last.pop_front();
        }
        self.last.push_back(look.ok && (!says || look.revision.as_deref() == Some(wanted)));
        self.last.iter().filter(|good| !**good).count() >= Self::BAD
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_bad_ones_of_the_last_ten_degrade() {
        for (answers, after_so_many) in [
            ("gggggggggggg", None),
            ("bgbggggggggb", None),
            ("bgggbggggb", Some(10)),
            ("bbb", Some(3)),
            ("bggggggggggbgb", None),
            ("ggggggggggggbobx", Some(15)),
        ] {
            let mut baking = Baking::default();
            let degrades = |answer: char| {
                let revision = (answer != 'b').then(|| if answer == 'o' { "old" } else { "new" }.to_owned());
                let revision = revision.filter(|_| answer != 'x');
                baking.look(&Look { ok: answer != 'b', revision, over: false }, "new", true)
            };
            assert_eq!(answers.chars().map(degrades).position(|it| it).map(|at| at + 1), after_so_many, "{answers}");
        }
    }

    fn seen(plan: LookPlan, says: bool, answers: &str) -> (Option<Seen>, usize) {
        let mut looking = Looking::new(plan, ("new", Seen::Candidate), Some(("old", Seen::Previous)), says);
        for (number, answer) in answers.chars().enumerate() {
            let revision = match answer {
                'n' => Some("new".to_owned()),
                'o' => Some("old".to_owned()),
                'x' => Some("other".to_owned()),
                _ => None,
            };
            let look = Look { ok: answer != '.' && answer != '!', revision, over: answer == '!' };
            if let Some(seen) = looking.look(&look) {
                return (Some(seen), number + 1);
            }
        }
        (None, answers.len())
    }

    #[test]
    fn what_looks_find() {
        let after = LookPlan::AFTER_DEPLOY;
        for (answers, found, after_so_many) in [
            ("nnn", Some(Seen::Candidate), 3),
            ("nn", None, 2),
            ("........nnn", Some(Seen::Candidate), 11),
            (".........nnn", Some(Seen::Candidate), 12),
            ("..........", Some(Seen::Neither), 10),
            ("n.", Some(Seen::Neither), 2),
            ("nno", Some(Seen::Neither), 3),
            ("oooooooooo", Some(Seen::Previous), 10),
            ("ooo....n.", Some(Seen::Neither), 9),
            ("xxxxxxxxxx", Some(Seen::Neither), 10),
            ("..!", Some(Seen::Neither), 3),
            ("oooo!", Some(Seen::Neither), 5),
            ("oo.onnn", Some(Seen::Candidate), 7),
        ] {
            assert_eq!(seen(after, true, answers), (found, after_so_many), "{answers}");
        }
        // Where nobody says a revision, what answers counts.
        assert_eq!(seen(after, false, ".aaa"), (Some(Seen::Candidate), 4));
        assert_eq!(seen(after, true, "aaaaaaaaaa"), (Some(Seen::Neither), 10), "one that says none is not known");
        assert_eq!(seen(LookPlan::AFTER_ROLLBACK, true, "...................nnn"), (Some(Seen::Candidate), 22));
    }
}
