use super::*;
use crate::observation::Comment;

const OPENED: Timestamp = Timestamp(1_000_000);

/// One issue at one tracker whose clock is three minutes ahead.
struct Case {
    before: IssueSeen,
    look: IssueLook,
    writes: Vec<OwnWrite>,
    questions: Vec<OpenQuestion>,
    tracker: Tracker,
    now: Timestamp,
}

const AHEAD: i64 = 180_000;

fn case(state: &str) -> Case {
    let some = |state: &str| Some(state.to_owned());
    let commands = CommandStates {
        start: some("To Analyse"),
        start_by_fallback: false,
        approve: some("Approved"),
        reject: some("Rejected"),
        confirm: some("Confirm Deploy"),
        stop: some("STOP"),
    };
    Case {
        before: IssueSeen { state: some("Backlog"), ..IssueSeen::default() },
        look: IssueLook {
            read_at: OPENED.plus_ms(60_000),
            ahead_ms: Some(AHEAD),
            found: Some(IssueRead {
                state: state.to_owned(),
                history: Some(Vec::new()),
                changed_by: None,
                comments: Vec::new(),
            }),
        },
        writes: Vec::new(),
        questions: Vec::new(),
        tracker: Tracker {
            connection: "plane".into(),
            accounts: ["bot".to_owned()].into(),
            shared_account: false,
            commands,
        },
        now: OPENED.plus_ms(60_000),
    }
}

impl Case {
    fn read(&mut self) -> &mut IssueRead {
        self.look.found.as_mut().unwrap()
    }
    /// A move so many milliseconds after the opening of the question, by our clock.
    fn moved(mut self, after_ms: i64, by: &str, to: &str) -> Self {
        let history = self.read().history.get_or_insert_default();
        let id = format!("h{}", history.len() + 1);
        let from = history.last().map(|last| last.to.clone());
        history.push(Move { id, at: OPENED.plus_ms(after_ms + AHEAD), by: by.to_owned(), from, to: to.to_owned() });
        self
    }
    fn commented(mut self, id: &str, after_ms: i64, by: &str, text: &str) -> Self {
        let comment = Comment {
            id: id.to_owned(),
            at: OPENED.plus_ms(after_ms + AHEAD),
            by: by.to_owned(),
            text: text.to_owned(),
        };
        self.read().comments.push(comment);
        self
    }
    fn asked(mut self, kind: EpisodeKind) -> Self {
        let shown_as = "In Review".to_owned();
        self.questions.push(OpenQuestion { episode: "e1".into(), kind, opened_at: OPENED, shown_as });
        self
    }
    fn wrote(mut self, value: &str, begun: i64, ended: Option<i64>) -> Self {
        let ended = ended.map(|ended| OPENED.plus_ms(ended));
        self.writes.push(OwnWrite { value: value.to_owned(), begun: OPENED.plus_ms(begun), ended });
        self
    }
    fn without_history(mut self) -> Self {
        self.read().history = None;
        self
    }
    fn look(&self) -> Interpreted {
        interpret(Seen {
            before: &self.before,
            look: &self.look,
            writes: &self.writes,
            questions: &self.questions,
            tracker: &self.tracker,
            now: self.now,
        })
    }
    /// What it tells, in short, and the pause before another look.
    fn told(&self) -> String {
        let Interpreted { events, look_again_ms, .. } = self.look();
        let mut words: Vec<String> = events.iter().map(short).collect();
        words.extend(look_again_ms.map(|ms| format!("again {ms}")));
        words.join(", ")
    }
    /// The same, and the observation is kept.
    fn next(&mut self) -> String {
        let told = self.told();
        self.before = self.look().observation;
        told
    }
}

fn short(heard: &Heard) -> String {
    let by = heard.by.strip_prefix("plane:").unwrap_or("?");
    match &heard.event {
        IssueEvent::Answered { episode, word } => format!("{by} answers {episode}: {word:?}"),
        other => format!("{by} {other:?}"),
    }
}

const APPROVES: &str = "ann answers e1: Approved";

#[test]
fn a_move_after_the_opening_answers_and_one_before_it_is_asked_again() {
    for (after, expected) in [
        (30_000, APPROVES),
        (2_001, APPROVES),
        (1_999, "ann SetAgain { episode: EpisodeId(\"e1\") }"),
        (-60_000, "ann SetAgain { episode: EpisodeId(\"e1\") }"),
    ] {
        let case = case("Approved").asked(EpisodeKind::Approval).moved(after, "ann", "Approved");
        assert_eq!(case.told(), expected, "{after}");
    }
    let mut clockless = case("Approved").asked(EpisodeKind::Approval).moved(30_000, "ann", "Approved");
    clockless.look.ahead_ms = None;
    assert!(clockless.told().starts_with("ann SetAgain"), "nobody knows when that was");
}

#[test]
fn a_move_after_our_own_write_for_the_question_answers_however_quick_it_was() {
    let quick = |begun, ended| {
        case("Approved")
            .asked(EpisodeKind::Approval)
            .wrote("In Review", begun, ended)
            .moved(500, "bot", "In Review")
            .moved(900, "ann", "Approved")
            .told()
    };
    assert_eq!(quick(100, Some(600)), APPROVES);
    assert_eq!(quick(100, None), APPROVES, "nobody saw the answer to the call");
    assert!(quick(-5_000, None).starts_with("ann SetAgain"), "it may be an older one that arrived late");
    let overwritten = case("In Review")
        .asked(EpisodeKind::Approval)
        .wrote("In Review", 100, Some(31_000))
        .moved(30_000, "ann", "Approved")
        .moved(30_500, "bot", "In Review");
    assert_eq!(overwritten.told(), APPROVES, "our write flew over theirs");
}

#[test]
fn what_stands_over_our_own_write_of_the_question_answers_however_quick_and_whatever_is_kept_of_ours() {
    // The first round's question was shown two seconds ago: by their times the two writes cannot be told apart.
    let quick = |state: &str| {
        case(state)
            .asked(EpisodeKind::Approval)
            .wrote("In Review", -1_500, Some(-1_400))
            .wrote("In Review", 100, Some(200))
            .moved(-1_450, "bot", "In Review")
            .moved(-900, "ann", "Rejected")
            .moved(150, "bot", "In Review")
            .moved(600, "ann", "Approved")
    };
    assert_eq!(quick("Approved").told(), APPROVES);
    let mut unanswered = quick("Approved");
    unanswered.writes[1].ended = None;
    assert_eq!(unanswered.told(), APPROVES, "it arrived: one write makes one entry, and there are two");
    unanswered.read().history.as_mut().unwrap().remove(2);
    assert!(unanswered.told().starts_with("ann SetAgain"), "nobody knows whether it arrived");
    let mut older = case("Approved").asked(EpisodeKind::Approval).wrote("In Review", 100, Some(200));
    older = older.moved(600, "ann", "Approved");
    assert_eq!(older.told(), APPROVES, "the product keeps no entry of ours");
}

#[test]
fn what_was_taken_back_before_we_looked_was_never_said() {
    let back = case("In Review").asked(EpisodeKind::Approval).moved(30_000, "ann", "Approved").moved(
        40_000,
        "ann",
        "In Review",
    );
    assert_eq!(back.told(), "ann StatusSeen { state: \"In Review\" }");
    let stop = case("Backlog").moved(1, "ann", "STOP").moved(2, "ann", "Backlog");
    assert_eq!(stop.told(), "ann StatusSeen { state: \"Backlog\" }");
    let both = case("To Analyse").moved(1, "ann", "STOP").moved(2, "bob", "To Analyse");
    assert_eq!(both.told(), "ann Stop, bob Start", "STOP and a start are two commands");
}

#[test]
fn each_entry_acts_once_and_one_that_comes_late_behind_a_newer_one_never() {
    let mut case = case("Approved").asked(EpisodeKind::Approval).moved(30_000, "ann", "Approved");
    assert_eq!(case.next(), APPROVES);
    assert_eq!(case.next(), "", "the same look again");
    assert_eq!(case.look().observation, case.before, "nothing new is nothing to write");
    let late = case.read().history.as_mut().unwrap();
    let at = OPENED.plus_ms(AHEAD + 20_000);
    late.insert(0, Move { id: "late".into(), at, by: "ann".into(), from: None, to: "STOP".into() });
    assert_eq!(case.next(), "");
}

#[test]
fn a_history_behind_the_state_is_looked_at_again_and_only_stop_acts() {
    let mut case = case("Approved").asked(EpisodeKind::Approval);
    case.before.asked = Some("e1".into());
    let pauses: Vec<String> = (0..8).map(|_| case.next()).collect();
    assert_eq!(
        pauses.join(", "),
        "again 1000, again 2000, again 4000, again 8000, again 16000, again 32000, again 60000, again 60000"
    );
    case.now = case.now.plus_ms(UNEXPLAINED_AFTER_MS);
    assert_eq!(case.next(), "unknown answers e1: Approved", "then the state alone counts");
    assert_eq!(case.next(), "", "and is accepted");
    let mut case = case.moved(30_000, "ann", "Approved");
    assert_eq!(case.next(), "", "its entry at last: it was said already");

    let mut stop = super::tests::case("STOP");
    assert_eq!(stop.next(), "unknown Stop, again 1000");
    assert_eq!(stop.next(), "again 2000", "told once");
}

#[test]
fn what_we_wrote_needs_no_entry_where_the_product_keeps_none_of_ours() {
    let mut case = case("In Review").moved(-60_000, "ann", "To Analyse").asked(EpisodeKind::Approval);
    case.before.moves = case.read().history.iter().flatten().map(|entry| entry.id.clone()).collect();
    case.before.read_at = OPENED.plus_ms(-50_000);
    let mut case = case.wrote("In Review", 1_000, Some(1_100));
    case.read().state = "In Review".into();
    assert_eq!(case.next(), "", "the state is our own doing");
    let mut answered = case.moved(30_000, "ann", "Approved");
    answered.read().history.as_mut().unwrap()[1].from = Some("In Review".into());
    answered.read().state = "Approved".into();
    assert_eq!(answered.next(), APPROVES, "and it was moved from there");
    assert_eq!(answered.next(), "");
}

#[test]
fn an_entry_that_is_missing_in_between_is_waited_for() {
    let with = |missing: bool| {
        let mut case = case("In Review")
            .asked(EpisodeKind::Approval)
            .moved(30_000, "ann", "Approved")
            .moved(40_000, "ann", "Backlog")
            .moved(50_000, "bot", "In Review");
        if missing {
            case.read().history.as_mut().unwrap().remove(1);
        }
        case
    };
    let mut case = with(true);
    assert_eq!(case.next(), "again 1000", "somebody moved it between the approval and our write");
    let mut late = Case { before: case.before.clone(), ..with(false) };
    assert_eq!(late.next(), "ann StatusSeen { state: \"Backlog\" }");
    case.now = case.now.plus_ms(UNEXPLAINED_AFTER_MS);
    assert_eq!(case.next(), APPROVES, "it does not come: what is there counts");
    assert_eq!(case.next(), "");
}

#[test]
fn without_a_history_the_answer_to_our_own_write_shows_that_the_question_stood() {
    let mut case = case("Approved").asked(EpisodeKind::Approval).without_history();
    case.before.state = Some("Approved".into());
    case.before.read_at = OPENED.plus_ms(-5_000);
    assert_eq!(case.next(), "", "it stands since before");
    let mut case = case.wrote("In Review", 1_000, Some(2_000));
    assert_eq!(case.next(), "unknown answers e1: Approved");
    assert_eq!(case.next(), "");
    case.before.level_told = None;
    case.writes[0].ended = Some(case.look.read_at.plus_ms(1));
    assert_eq!(case.next(), "", "the look was begun before the answer");
}

#[test]
fn without_a_history_only_what_follows_the_question_seen_standing_answers() {
    let mut case = case("Approved").asked(EpisodeKind::Approval).without_history();
    assert!(case.next().starts_with("unknown SetAgain"));
    case.read().state = "In Review".into();
    case = case.wrote("In Review", 70_000, Some(71_000));
    assert_eq!(case.next(), "");
    case.read().state = "Approved".into();
    case.read().changed_by = Some("ann".into());
    assert_eq!(case.next(), APPROVES);
    assert_eq!(case.next(), "");
}

#[test]
fn our_own_accounts_never_command() {
    let by_bot = case("Approved").asked(EpisodeKind::Approval).moved(30_000, "bot", "Approved");
    assert_eq!(by_bot.told(), "");
    let mut shared = by_bot;
    shared.tracker.shared_account = true;
    assert_eq!(shared.told(), "bot answers e1: Approved", "the key is a person's own");
    let mut indication = case("Review").moved(30_000, "bot", "Review");
    indication.tracker.shared_account = true;
    assert_eq!(indication.told(), "", "what does not command is ours");
    let mut fallback = case("In Progress").moved(30_000, "bot", "In Progress").wrote("In Progress", 29_900, None);
    fallback.tracker.shared_account = true;
    fallback.tracker.commands.start = Some("In Progress".into());
    fallback.tracker.commands.start_by_fallback = true;
    assert_eq!(fallback.told(), "", "our journal explains it");
    fallback.writes.clear();
    assert_eq!(fallback.told(), "bot Start");
}

#[test]
fn an_answer_names_its_question_and_a_command_that_answers_none_is_a_look() {
    let approved = |kind| case("Approved").asked(kind).moved(30_000, "ann", "Approved").told();
    assert_eq!(approved(EpisodeKind::ProtectedPaths), APPROVES);
    assert_eq!(approved(EpisodeKind::ConfirmDeploy), "ann Looked", "a routine approval restarts no production");
    assert_eq!(approved(EpisodeKind::Questions), "ann Looked");
    assert_eq!(case("Approved").moved(30_000, "ann", "Approved").told(), "ann Looked");
    let confirm = case("Confirm Deploy").asked(EpisodeKind::ConfirmDeploy).moved(30_000, "ann", "Confirm Deploy");
    assert_eq!(confirm.told(), "ann answers e1: Confirmed");
    let go_on = case("To Analyse").asked(EpisodeKind::Questions).moved(30_000, "ann", "To Analyse");
    assert_eq!(go_on.told(), "ann answers e1: GoOn");
}

#[test]
fn a_rejection_waits_for_its_reason_and_never_takes_an_older_one() {
    let mut case = case("Rejected")
        .asked(EpisodeKind::Approval)
        .commented("c1", -90_000, "ann", "of an older round")
        .commented("c2", 10_000, "bot", "ready: move to Approved")
        .moved(30_000, "ann", "Rejected");
    assert_eq!(case.next(), "ann Commented { id: \"c1\", text: \"of an older round\" }, again 60000");
    case.now = case.now.plus_ms(20_000);
    assert_eq!(case.next(), "again 40000");
    let mut with = Case { before: case.before.clone(), now: case.now, ..super::tests::case("Rejected") }
        .asked(EpisodeKind::Approval)
        .commented("c1", -90_000, "ann", "of an older round")
        .commented("c3", 50_000, "ann", "wrong colour")
        .moved(30_000, "ann", "Rejected");
    let told = with.next();
    assert!(told.ends_with("ann answers e1: Rejected { reason: Some(\"wrong colour\") }"), "{told}");
    assert!(with.before.reasons.contains("c3"), "and it is no reason of a later one");
    case.now = case.now.plus_ms(40_000);
    assert_eq!(case.next(), "ann answers e1: Rejected { reason: None }");
    assert_eq!(case.next(), "");
}

#[test]
fn a_reason_right_after_the_question_counts_however_roughly_the_clocks_are_compared() {
    let shown = |written_ms: i64| {
        let mut case = case("Rejected").asked(EpisodeKind::Approval).wrote("In Review", 100, Some(200));
        case = case.moved(150, "bot", "In Review").commented("c1", written_ms, "ann", "wrong colour");
        case = case.moved(9_000, "ann", "Rejected");
        // A `Date` has whole seconds, and the answer took its time.
        case.look.ahead_ms = Some(AHEAD + 900);
        case
    };
    let said = "ann answers e1: Rejected { reason: Some(\"wrong colour\") }";
    assert!(shown(300).told().ends_with(said), "{}", shown(300).told());
    assert!(shown(-300).told().ends_with("again 60000"), "{}", shown(-300).told());
    // A round before it, asked and answered within the same second, made its own entry.
    let twice = |entries: &[i64]| {
        let mut case = case("Rejected").asked(EpisodeKind::Approval);
        case = case.wrote("In Review", -900, Some(-800)).wrote("In Review", 100, Some(200));
        for at in entries {
            case = case.moved(*at, "bot", "In Review").moved(at + 50, "ann", "Rejected");
        }
        case.look.ahead_ms = Some(AHEAD + 900);
        case.commented("c1", 300, "ann", "wrong colour")
    };
    assert!(twice(&[-850, 150]).told().ends_with(said), "{}", twice(&[-850, 150]).told());
    assert!(twice(&[150]).told().ends_with("again 60000"), "which of both writes it is cannot be known");
    // Which write put the question there is not known, but a look saw it standing, and the comment is news since.
    let mut case = case("In Review").asked(EpisodeKind::Approval).moved(150, "bot", "In Review");
    case.look.ahead_ms = Some(AHEAD + 900);
    case.next();
    let mut case = case.commented("c1", 300, "ann", "wrong colour").moved(9_000, "ann", "Rejected");
    case.read().state = "Rejected".into();
    let told = case.told();
    assert!(told.ends_with(said), "{told}");
}

#[test]
fn a_rejection_taken_back_within_its_grace_was_never_said() {
    let mut case = case("Rejected").asked(EpisodeKind::Approval).moved(30_000, "ann", "Rejected");
    assert_eq!(case.next(), "again 60000");
    let mut back = case.moved(50_000, "ann", "In Review");
    back.read().state = "In Review".into();
    assert_eq!(back.next(), "ann StatusSeen { state: \"In Review\" }");
    back.now = back.now.plus_ms(REASON_WITHIN_MS);
    assert_eq!(back.next(), "");
}

#[test]
fn an_issue_made_in_the_start_status_starts_and_one_that_was_always_there_does_not_again() {
    let mut fresh = case("To Analyse");
    fresh.before = IssueSeen::default();
    fresh.read().changed_by = Some("ann".into());
    assert_eq!(fresh.next(), "ann Start");
    assert_eq!(fresh.next(), "");
}

#[test]
fn gone_is_told_after_two_looks_ten_minutes_apart() {
    let mut case = case("x");
    case.look.found = None;
    assert_eq!(case.next(), "again 600000");
    case.now = case.now.plus_ms(GONE_AFTER_MS / 2);
    assert_eq!(case.next(), "again 300000");
    case.now = case.now.plus_ms(GONE_AFTER_MS / 2);
    assert_eq!(case.next(), "unknown Gone");
    assert_eq!(case.next(), "", "told once");
    case.look.found = super::tests::case("Backlog").look.found;
    assert_eq!(case.next(), "unknown Looked", "it is back");
}

#[test]
fn each_comment_is_one_event_and_ours_are_none() {
    let mut case =
        case("Backlog").commented("c1", 1, "ann", "a").commented("c2", 2, "bot", "b").commented("c3", 3, "bob", "c");
    assert_eq!(case.next(), "ann Commented { id: \"c1\", text: \"a\" }, bob Commented { id: \"c3\", text: \"c\" }");
    case.read().comments[0].text = "edited".into();
    assert_eq!(case.next(), "");
}
