//! Kinds of work, and how much of each is handled at once. Each class has room of its own: a forge that hangs must
//! not keep a person's command waiting, nor a long test command anything else.

use orch_ports::store::Job;

use crate::engine::Limits;

/// What shares one limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Asks the rules and writes.
    Decision,
    /// Makes tasks of issues.
    Intake,
    /// Asks the forge what a person pushed: a task waits for it.
    Reading,
    /// Makes candidates and lands them: a lane waits for it.
    Landing,
    /// Shows on the forge how far a task is: nobody waits for it.
    Showing,
    /// Runs the test command.
    Check,
    /// An agent's run, limited by its slot; its stop, a deployment, or the word of a forge's CI, which wait for nothing here.
    Run,
}

impl Class {
    /// The class of a kind, as spelled by [`orch_ports::store::Job::kind`].
    pub fn of(kind: &str) -> Self {
        match kind {
            kind if ["run_agent", "stop_run", "deploy", "await_ci"].contains(&kind) => Self::Run,
            "run_check" => Self::Check,
            "intake" => Self::Intake,
            "observe_branch" => Self::Reading,
            "build_candidate" | "build_revert" | "land" => Self::Landing,
            "wake_waiters" => Self::Decision,
            kind if Job::DECISIONS.contains(&kind) => Self::Decision,
            _ => Self::Showing,
        }
    }

    fn most(self, limits: &Limits) -> u32 {
        match self {
            Self::Decision | Self::Reading | Self::Landing | Self::Showing => limits.max_handled,
            Self::Intake => INTAKES,
            Self::Check => limits.max_checks,
            Self::Run => u32::MAX,
        }
    }
}

/// So many handlers make tasks of issues at once, each of many: one writes while the other looks.
pub const INTAKES: u32 = 2;

/// How many handlers of each class there are.
#[derive(Debug, Default)]
pub struct Busy([u32; 7]);

/// Those that are over in a moment, if all is well.
const SHORT: [Class; 5] = [Class::Decision, Class::Intake, Class::Reading, Class::Landing, Class::Showing];

impl Busy {
    pub fn begin(&mut self, class: Class) {
        self.0[class as usize] += 1;
    }
    pub fn end(&mut self, class: Class) {
        self.0[class as usize] -= 1;
    }
    /// Anything that is over in a moment, if all is well.
    pub fn short(&self) -> bool {
        SHORT.into_iter().any(|class| self.0[class as usize] > 0)
    }
    /// Handlers of this class.
    pub fn of(&self, class: Class) -> u32 {
        self.0[class as usize]
    }
    pub fn room(&self, class: Class, limits: &Limits) -> u32 {
        class.most(limits).saturating_sub(self.0[class as usize])
    }
    /// Some class takes nothing now.
    pub fn full(&self, limits: &Limits) -> bool {
        SHORT.into_iter().chain([Class::Check]).any(|class| self.room(class, limits) == 0)
    }

    /// What may be claimed now: the kinds with room, and how many rows at most. Checks are claimed apart, because a
    /// claim has one limit and they have by far the least room.
    pub fn claims(&self, limits: &Limits) -> Vec<(Vec<&'static str>, u32)> {
        let classes = [Class::Decision, Class::Reading, Class::Landing, Class::Showing, Class::Run];
        let open: Vec<_> = classes.into_iter().filter(|class| self.room(*class, limits) > 0).collect();
        let room = open.iter().map(|class| self.room(*class, limits)).min().unwrap_or(0);
        let intake = self.room(Class::Intake, limits) > 0;
        let claimed = |class| open.contains(&class) || intake && class == Class::Intake;
        let mut claims = vec![(kinds(claimed), room.min(limits.max_handled.max(1)))];
        let checks = self.room(Class::Check, limits);
        if checks > 0 {
            claims.push((kinds(|class| class == Class::Check), checks));
        }
        claims
    }
}

fn kinds(wanted: impl Fn(Class) -> bool) -> Vec<&'static str> {
    Job::kinds().filter(|kind| wanted(Class::of(kind))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_shows_keeps_neither_a_landing_nor_a_push_waiting() {
        let limits = Limits { max_handled: 1, ..Limits::default() };
        let mut busy = Busy::default();
        busy.begin(Class::of("publish_branch"));
        let (kinds, _) = &busy.claims(&limits)[0];
        assert!(!kinds.contains(&"publish_branch") && !kinds.contains(&"clean_up"));
        assert!(kinds.contains(&"land") && kinds.contains(&"build_candidate") && kinds.contains(&"observe_branch"));
        busy.begin(Class::of("observe_branch"));
        let (kinds, _) = &busy.claims(&limits)[0];
        assert!(kinds.contains(&"land") && !kinds.contains(&"observe_branch"));
    }

    #[test]
    fn a_full_class_takes_no_room_from_another() {
        let limits = Limits { max_handled: 2, max_checks: 1, ..Limits::default() };
        let mut busy = Busy::default();
        assert_eq!(busy.claims(&limits).iter().map(|(_, most)| *most).collect::<Vec<_>>(), [2, 1]);
        for _ in 0..2 {
            busy.begin(Class::of("land"));
        }
        busy.begin(Class::of("run_check"));
        let claims = busy.claims(&limits);
        let (kinds, most) = &claims[0];
        assert_eq!((claims.len(), *most), (1, 2));
        assert!(!kinds.contains(&"land") && !kinds.contains(&"build_candidate") && !kinds.contains(&"run_check"));
        for open in
            ["inbox", "decide_lane", "stop_run", "run_agent", "observe_branch", "publish_branch", "wake_waiters"]
        {
            assert!(kinds.contains(&open), "{open}");
        }
        for _ in 0..3 {
            busy.begin(Class::of("inbox"));
        }
        let (kinds, most) = &busy.claims(&limits)[0];
        assert!(!kinds.contains(&"inbox") && kinds.contains(&"stop_run") && *most == 2);
    }
}
