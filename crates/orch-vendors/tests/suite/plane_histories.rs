//! Random histories of one issue through the real adapter, a server and the real interpreter: people move it, take back and
//! write; we write; clocks differ; entries of the history come late; hints are lost, servers are away for an hour, and processes
//! die before they have written down what they saw; of two releases, of which the older keeps no record of our own moves. No answer is lost, none counts twice, and none is invented.
//!
//! `ORCH_TEST_HISTORIES=10000` makes so many of them, `ORCH_TEST_SEED` begins elsewhere.

use std::collections::BTreeMap;

use orch_ports::tracker::IssueTracker;
use orch_rules::episode::EpisodeKind;
use orch_rules::ids::Timestamp;
use orch_rules::interpret::{
    Heard, IssueEvent, MARGIN_MS, OpenQuestion, OwnWrite, Seen, Tracker, UNEXPLAINED_AFTER_MS, Word, interpret,
};
use orch_rules::observation::{IssueLook, IssueRead, IssueSeen};
use orch_rules::tracker_states::{ProjectStates, StatusKey};
use orch_testkit::fake::plane::{
    FakePlane, PLANE_BOT, PLANE_KEY, PLANE_SECRET, PLANE_WORKSPACE, PlaneFault, PlaneRelease,
};
use orch_vendors::plane::{KeyChannel, PlaneApi, PlaneSite, PlaneTracker};

struct Dice(u64);

impl Dice {
    fn roll(&mut self, of: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % of
    }
    fn pick<'a, T: ?Sized>(&mut self, of: &[&'a T]) -> &'a T {
        of[usize::try_from(self.roll(of.len() as u64)).unwrap()]
    }
    fn ms(&mut self, most: u64) -> i64 {
        i64::try_from(self.roll(most)).unwrap()
    }
}

/// A move by a person, by our clock.
struct Meant {
    at: i64,
    state: &'static str,
}

struct Question {
    opened: i64,
    answers: u32,
    again: bool,
}

struct Story<'a> {
    server: &'a FakePlane,
    tracker: &'a PlaneTracker,
    states: &'a ProjectStates,
    reader: Tracker,
    dice: Dice,
    now: i64,
    ahead: i64,
    issue: String,
    kept: IssueSeen,
    watermark: String,
    meant: Vec<Meant>,
    said: BTreeMap<String, u32>,
    questions: Vec<Question>,
    writes: Vec<OwnWrite>,
    stops: u32,
    starts: u32,
    again: Option<i64>,
    /// The server is away until then.
    away: Option<i64>,
}

const WANDERS: [&str; 9] =
    ["Backlog", "To Analyse", "In Review", "Approved", "Approved", "Rejected", "Testing", "Blocked", "STOP"];

impl Story<'_> {
    fn pass(&mut self, ms: i64) {
        self.now += ms;
        self.server.stand(self.now + self.ahead);
    }

    fn step(&mut self) {
        let pause = *[40, 900, 5_000, 70_000].get(usize::try_from(self.dice.roll(4)).unwrap()).unwrap();
        let pause = self.dice.ms(pause) + 1;
        self.pass(pause);
        self.away = self.away.filter(|until| *until > self.now);
        match self.dice.roll(13) {
            0..=3 => {
                let state = self.dice.pick(&WANDERS);
                if self.server.stands(&self.issue) != state {
                    self.server.drag(&self.issue, "ann", state);
                    self.meant.push(Meant { at: self.now, state });
                }
            }
            4 => drop(self.said.insert(self.server.write(&self.issue, "ann", "<p>words</p>"), 0)),
            5 => self.write(),
            6 if self.questions.last().is_none_or(|question| question.answers > 0) => {
                self.questions.push(Question { opened: self.now, answers: 0, again: false });
            }
            7 => {
                let late = self.dice.roll(2) == 0;
                self.server.late_history(late);
            }
            12 if self.away.is_none() => {
                // It is not reached from here for up to an hour; people go on.
                self.away = Some(self.now + self.dice.ms(3_600_000));
            }
            8 if self.away.is_none() => {
                drop(self.tracker.comment(&self.issue, "stream", &format!("k{}", self.now), "ready"))
            }
            _ => self.look_if_told(false),
        }
    }

    /// We show something, never what commands; the answer may be lost, or lie.
    fn write(&mut self) {
        let key = *self.dice.pick(&[&StatusKey::InReview, &StatusKey::Testing, &StatusKey::Development]);
        let value = self.states.own(key).unwrap().to_owned();
        // Only over what was seen: a command that was not read yet stays.
        if self.away.is_some() {
            return;
        }
        let stands = self.tracker.detail(&self.issue).unwrap().found.unwrap().state;
        if self.kept.state.as_ref() != Some(&stands) {
            return;
        }
        let fault = [None, None, Some(PlaneFault::SavedAnd500), Some(PlaneFault::CutAfter)];
        let fault = fault[usize::try_from(self.dice.roll(4)).unwrap()].clone();
        let begun = Timestamp(self.now);
        self.server.fault(fault.clone());
        let done = self.tracker.set_state(&self.issue, &value);
        self.server.fault(None);
        assert_eq!(done.is_ok(), fault.is_none());
        self.pass(30);
        let ended = done.is_ok().then_some(Timestamp(self.now));
        self.writes.push(OwnWrite { value, begun, ended });
    }

    /// A list tells whether there is anything to look at.
    fn look_if_told(&mut self, surely: bool) {
        if self.away.is_some() {
            return;
        }
        let items = self.tracker.list(Some(&self.watermark)).unwrap();
        let theirs = items.iter().find(|item| item.id == self.issue && item.changed > self.watermark);
        let due = self.again.is_some_and(|due| due <= self.now);
        if theirs.is_none() && !due {
            return;
        }
        let watermark = theirs.map(|item| item.changed.clone());
        let detail = self.tracker.detail(&self.issue).unwrap();
        let read_at = Timestamp(self.now);
        // People are quicker than we are.
        if !surely && self.dice.roll(4) == 0 {
            self.pass(20);
            self.server.drag(&self.issue, "ann", "Testing");
            self.meant.push(Meant { at: self.now, state: "Testing" });
        }
        let story = self.tracker.story(&self.issue).unwrap();
        let look = IssueLook {
            read_at,
            ahead_ms: Some(self.ahead),
            found: Some(IssueRead {
                state: detail.found.unwrap().state,
                history: story.history,
                changed_by: story.made_by,
                comments: story.comments,
            }),
        };
        let questions: Vec<OpenQuestion> = self
            .questions
            .iter()
            .enumerate()
            .filter(|(_, question)| question.answers == 0)
            .map(|(at, question)| OpenQuestion {
                episode: format!("e{at}").as_str().into(),
                kind: EpisodeKind::Approval,
                opened_at: Timestamp(question.opened),
                shown_as: self.states.own(StatusKey::InReview).unwrap().to_owned(),
            })
            .collect();
        let seen = Seen {
            before: &self.kept,
            look: &look,
            writes: &self.writes,
            questions: &questions,
            tracker: &self.reader,
            now: Timestamp(self.now),
        };
        let found = interpret(seen);
        if !surely && self.dice.roll(6) == 0 {
            // It dies before anything of this is written down.
            return;
        }
        self.kept = found.observation;
        self.again = found.look_again_ms.map(|ms| self.now + ms);
        if let Some(watermark) = watermark {
            self.watermark = watermark;
        }
        for heard in found.events {
            self.heard(heard);
        }
    }

    fn heard(&mut self, Heard { by, event }: Heard) {
        assert!(!self.reader.accounts.contains(by.split_once(':').unwrap().1), "our own word: {event:?}");
        match event {
            IssueEvent::Answered { episode, word } => {
                let at: usize = episode.as_str()[1..].parse().unwrap();
                let wanted = if word == Word::Approved { "Approved" } else { "Rejected" };
                let question = &mut self.questions[at];
                question.answers += 1;
                assert_eq!(question.answers, 1, "answered twice");
                let meant = self.meant.iter().any(|meant| meant.state == wanted && meant.at > question.opened);
                assert!(meant, "nobody said {wanted} since it was asked");
            }
            IssueEvent::SetAgain { episode } => {
                self.questions[episode.as_str()[1..].parse::<usize>().unwrap()].again = true;
            }
            IssueEvent::Stop => {
                self.stops += 1;
                let most = self.meant.iter().filter(|meant| meant.state == "STOP").count();
                assert!(usize::try_from(self.stops).unwrap() <= most, "a stop that nobody said");
            }
            IssueEvent::Start => {
                self.starts += 1;
                let most = self.meant.iter().filter(|meant| meant.state == "To Analyse").count();
                assert!(usize::try_from(self.starts).unwrap() <= most, "a start that nobody said");
            }
            IssueEvent::Commented { id, .. } => {
                let times = self.said.get_mut(&id).expect("our own words, or nobody's");
                *times += 1;
                assert_eq!(*times, 1, "one comment, one event");
            }
            IssueEvent::Looked | IssueEvent::StatusSeen { .. } | IssueEvent::Gone => {}
        }
    }

    /// Everything arrives, and there is time to look.
    fn settle(&mut self) {
        self.server.late_history(false);
        self.away = None;
        for _ in 0..12 {
            self.pass(UNEXPLAINED_AFTER_MS / 4);
            self.look_if_told(true);
        }
        assert!(self.again.is_none(), "it comes to rest");
        assert!(self.said.values().all(|times| *times == 1), "every comment was heard");
        let Some(last) = self.meant.last() else { return };
        let before = (self.stops, self.starts);
        match last.state {
            "STOP" => assert!(before.0 > 0, "the stop that stands was not heard"),
            "To Analyse" => assert!(before.1 > 0, "the start that stands was not heard"),
            _ => {}
        }
        let Some(question) = self.questions.last().filter(|question| question.answers == 0) else { return };
        if ["Approved", "Rejected"].contains(&last.state) && last.at > question.opened {
            assert!(question.again || last.at <= question.opened + MARGIN_MS, "the last word was lost");
            assert!(question.again, "nobody was told to set it again");
        }
    }
}

#[test]
fn no_answer_is_lost_doubled_or_invented() {
    let number = |name: &str, usual: u64| std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual);
    let (many, seed) = (number("ORCH_TEST_HISTORIES", 40), number("ORCH_TEST_SEED", 1));
    let mut server = None;
    let mut last = i64::MAX;
    for at in seed..seed + many {
        // A server does not get faster by keeping thousands of issues.
        if at % 10 == 0 || server.is_none() {
            // An older release keeps no record of what we move.
            let release = if at / 10 % 3 == 2 { PlaneRelease::V0_25 } else { PlaneRelease::V1_3 };
            let fresh = FakePlane::start(release).unwrap();
            let site = PlaneSite::new(&fresh.base(), PLANE_WORKSPACE).unwrap();
            let channel = KeyChannel::new(1_000_000).into();
            let api = PlaneApi::new(site, "the key", channel, None, || Ok(PLANE_KEY.to_owned()));
            let tracker = PlaneTracker::new("shop", fresh.first_project(), api, || Ok(PLANE_SECRET.to_owned()));
            let tracker = tracker.with_accounts(vec![PLANE_BOT.to_owned()], false);
            server = Some((fresh, tracker));
            last = 1_000_000_000_000;
        }
        let (server, tracker) = server.as_ref().unwrap();
        last = one(at, server, tracker, last + 10_000_000);
    }
}

/// One history, which begins at `now`; when it was over.
fn one(seed: u64, server: &FakePlane, tracker: &PlaneTracker, now: i64) -> i64 {
    let mut dice = Dice(seed);
    let ahead = *dice.pick(&[&0, &0, &-180_000, &180_000, &40_000]);
    server.stand(now + ahead);
    server.late_history(false);
    let found = tracker.states().unwrap();
    let states = ProjectStates::of(found.iter().map(|state| (state.id.as_str(), state.name.as_str())));
    let accounts = tracker.connection().unwrap().accounts;
    let reader = Tracker {
        connection: "plane-1".into(),
        accounts: accounts.into_iter().collect(),
        shared_account: false,
        commands: states.commands(),
    };
    let issue = server.create(&server.first_project(), "ann", "Say hello", "<p>x</p>", "Backlog");
    let kept = IssueSeen { state: states.own(StatusKey::Backlog).map(str::to_owned), ..IssueSeen::default() };
    let watermark = tracker.list(None).unwrap().into_iter().find(|item| item.id == issue).unwrap().changed;
    let mut story = Story {
        server,
        tracker,
        states: &states,
        reader,
        dice,
        now,
        ahead,
        issue,
        kept,
        watermark,
        meant: Vec::new(),
        said: BTreeMap::new(),
        questions: Vec::new(),
        writes: Vec::new(),
        stops: 0,
        starts: 0,
        again: None,
        away: None,
    };
    let told = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        (0..60).for_each(|_| story.step());
        story.settle();
    }));
    if let Err(panic) = told {
        let words = panic.downcast_ref::<String>().cloned();
        let words = words.or_else(|| panic.downcast_ref::<&str>().map(|words| (*words).to_owned())).unwrap_or_default();
        let moves = server.moves(&story.issue);
        panic!("{words}; again with ORCH_TEST_SEED={seed} ORCH_TEST_HISTORIES=1; moves: {moves:?}");
    }
    story.now
}
