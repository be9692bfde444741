//! What becomes of a message, decided from the facts before each try: the one place that cancels what time overtook.

use crate::notice::{Notice, NoticeKind};
use crate::reason::Reason;

/// What to do with a message now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// Send it.
    Send,
    /// Not yet.
    Wait(Blocker),
    /// Never: nobody needs it any more.
    Drop(&'static str),
}

/// What a message waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blocker {
    /// An earlier message about the same object.
    Earlier,
    /// A release that knows its kind.
    Release,
}

/// What a message's fate depends on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// An earlier message of its object was neither sent nor given up.
    pub earlier: bool,
    /// Its question is open.
    pub question_open: bool,
    /// Why its task rests now.
    pub hold: Option<Reason>,
    /// Its repository is frozen, since this epoch.
    pub frozen_epoch: Option<i64>,
    /// What it says is out is out.
    pub outage: bool,
}

/// What becomes of a message.
pub fn fate(notice: &Notice, facts: &Facts) -> Fate {
    let overtaken = match &notice.kind {
        NoticeKind::Asked => (!facts.question_open).then_some("the question was answered or withdrawn"),
        NoticeKind::Held => {
            // The sentence of an older release cannot be compared.
            let holds = facts.hold.as_ref().is_some_and(|hold| *hold == notice.text || notice.text.words().is_some());
            (!holds).then_some("the task goes on, or rests for another reason")
        }
        NoticeKind::Frozen => {
            (facts.frozen_epoch.is_none() || facts.frozen_epoch != notice.epoch).then_some("the freeze was lifted")
        }
        NoticeKind::Outage => (!facts.outage).then_some("it is served again"),
        NoticeKind::Tracker => {
            let answered = notice.episode.is_some() && !facts.question_open;
            answered.then_some("the question was answered or withdrawn")
        }
        NoticeKind::Done
        | NoticeKind::Stopped
        | NoticeKind::Unfrozen
        | NoticeKind::Deployment
        | NoticeKind::Red
        | NoticeKind::Agent
        | NoticeKind::Test => None,
        NoticeKind::Other(_) => return Fate::Wait(Blocker::Release),
    };
    match overtaken {
        Some(why) => Fate::Drop(why),
        None if facts.earlier => Fate::Wait(Blocker::Earlier),
        None => Fate::Send,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notice::tests::example;
    use crate::reason;

    fn of(kind: NoticeKind, facts: &Facts) -> &'static str {
        match fate(&example(kind), facts) {
            Fate::Send => "send",
            Fate::Wait(Blocker::Earlier) => "after the earlier one",
            Fate::Wait(Blocker::Release) => "left for a release that knows it",
            Fate::Drop(_) => "drop",
        }
    }

    #[test]
    fn what_time_overtook_is_dropped_and_the_last_word_is_not() {
        let nothing = Facts::default();
        for kind in [NoticeKind::Asked, NoticeKind::Held, NoticeKind::Frozen, NoticeKind::Outage] {
            assert_eq!(of(kind, &nothing), "drop");
        }
        for kind in [NoticeKind::Done, NoticeKind::Stopped, NoticeKind::Unfrozen, NoticeKind::Agent, NoticeKind::Test] {
            assert_eq!(of(kind, &nothing), "send");
        }
        assert_eq!(of(NoticeKind::Asked, &Facts { question_open: true, ..nothing.clone() }), "send");
        assert_eq!(
            of(NoticeKind::Held, &Facts { hold: Some(reason::stuck(reason::push_unseen())), ..nothing.clone() }),
            "send"
        );
        let typed = Notice { text: reason::stuck(reason::push_unseen()), ..example(NoticeKind::Held) };
        let held = |hold| fate(&typed, &Facts { hold: Some(hold), ..Facts::default() });
        assert_eq!(held(reason::stuck(reason::push_unseen())), Fate::Send);
        assert!(matches!(held(reason::stuck(reason::quarantined(3))), Fate::Drop(_)));
        assert_eq!(of(NoticeKind::Frozen, &Facts { frozen_epoch: Some(3), ..nothing.clone() }), "send");
        assert_eq!(of(NoticeKind::Frozen, &Facts { frozen_epoch: Some(5), ..nothing.clone() }), "drop");
        assert_eq!(of(NoticeKind::Outage, &Facts { outage: true, ..nothing.clone() }), "send");
        let again = Notice { episode: Some("e".into()), ..example(NoticeKind::Tracker) };
        let open = Facts { question_open: true, ..nothing.clone() };
        assert!(matches!(fate(&again, &nothing), Fate::Drop(_)) && fate(&again, &open) == Fate::Send);
        assert_eq!(of(NoticeKind::Tracker, &nothing), "send", "it is about no question");
    }

    #[test]
    fn order_within_an_object_is_kept_but_what_is_dropped_waits_for_nobody() {
        let earlier = Facts { earlier: true, ..Facts::default() };
        assert_eq!(of(NoticeKind::Done, &earlier), "after the earlier one");
        assert_eq!(of(NoticeKind::Asked, &earlier), "drop");
    }

    #[test]
    fn a_kind_of_a_newer_release_is_left_alone() {
        assert_eq!(of(NoticeKind::Other("mood".into()), &Facts::default()), "left for a release that knows it");
    }
}
