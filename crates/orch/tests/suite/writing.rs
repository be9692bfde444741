//! What people write: issues in an editor and in files, and commands to several tasks.

use std::path::PathBuf;
use std::process::Stdio;

use orch_testkit::world::Output;
use serde_json::Value;

use super::carried::{Carried, script};
use super::terminal::{read_until, terminal};

const PLAY: &str = "[[play]]\ntitle = \"*\"\n[[play.act]]\nrole = \"developer\"\nsteps = []\n";

struct Desk(Carried);

impl Desk {
    fn new() -> Self {
        Self(Carried::small(&script(PLAY)))
    }

    /// Runs it with an editor that does this to its file, `$1`.
    fn with_editor(&self, does: &str, arguments: &[&str], code: i32) -> Output {
        let mut command = self.0.world.command(&self.0.repository, arguments);
        let ended = command.env("EDITOR", self.editor(does)).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (stdout, stderr) = (text(&ended.stdout), text(&ended.stderr));
        Output { command: arguments.join(" "), code: ended.status.code(), stdout, stderr }.code(code)
    }

    /// A line for `$EDITOR` with an argument that needs its quotes.
    fn editor(&self, does: &str) -> String {
        let file = self.0.world.path("an editor.sh");
        std::fs::write(&file, does).unwrap();
        format!("sh '{}'", file.display())
    }

    fn run(&self, arguments: &[&str], code: i32) -> Output {
        self.0.world.run(&self.0.repository, arguments).unwrap().code(code)
    }

    /// Titles of all tasks, oldest first, with their stages.
    fn tasks(&self) -> Vec<(String, String)> {
        let list: Value = serde_json::from_str(&self.run(&["board", "--all", "--json"], 0).stdout).unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let mut tasks: Vec<(String, String, String)> = list["tasks"]
            .as_array()
            .unwrap()
            .iter()
            .map(|task| (text(&task["id"]), text(&task["title"]), text(&task["stage"])))
            .collect();
        tasks.sort();
        tasks.into_iter().map(|(_, title, stage)| (title, stage)).collect()
    }

    fn titles(&self) -> Vec<String> {
        self.tasks().into_iter().map(|(title, _)| title).collect()
    }

    fn drafts(&self) -> Vec<PathBuf> {
        let listed = std::fs::read_dir(self.0.world.state().join("drafts"));
        listed.map(|listed| listed.flatten().map(|entry| entry.path()).collect()).unwrap_or_default()
    }
}

#[test]
fn an_issue_is_written_in_an_editor() {
    let desk = Desk::new();
    let said = "printf 'Say hello\n\nIn Dutch.\n\n# Why\nSo.\n' | cat - \"$1\" > \"$1.new\"; mv \"$1.new\" \"$1\"";
    assert!(desk.with_editor(said, &["new", "--edit", "--backlog"], 0).stdout.contains("IT-001  Say hello"));
    let task: Value = serde_json::from_str(&desk.run(&["show", "1", "--json"], 0).stdout).unwrap();
    assert_eq!(task["description"], "In Dutch.\n\n# Why\nSo.");
    for nothing in [":", "> \"$1\"", "echo > \"$1\"", "sed -i 1d \"$1\""] {
        assert!(desk.with_editor(nothing, &["new", "--edit"], 0).stdout.contains("nothing is opened"), "{nothing}");
    }
    // With words that were given, and more of them.
    let more = "sed -i 's/^Why not$/Why not?/' \"$1\"";
    desk.with_editor(more, &["new", "Ask", "-d", "Why not", "--edit", "--backlog"], 0);
    assert_eq!(desk.titles(), ["Say hello", "Ask"]);
    let failed = desk.with_editor("exit 3", &["new", "--edit"], 1).stderr;
    assert!(failed.contains("ended with 3; nothing was sent") && !failed.contains("is kept"), "{failed}");
    assert_eq!(desk.drafts(), [""; 0].map(PathBuf::from));
    assert!(desk.run(&["new"], 2).stderr.contains("orch new --file FILE"));
    let absent = desk.0.world.command(&desk.0.repository, &["new", "--edit"]).env("PATH", "/nowhere").output().unwrap();
    assert!(String::from_utf8_lossy(&absent.stderr).contains("neither VISUAL nor EDITOR is set"));
}

#[test]
fn what_was_written_is_kept_until_it_is_sent_and_sent_twice_it_is_one() {
    let desk = Desk::new();
    let writes = "printf 'Say hello\n\nIn Dutch.\n' | cat - \"$1\" > \"$1.new\"; mv \"$1.new\" \"$1\"";
    for (does, arguments, code) in [
        (format!("{writes}; exit 1"), vec!["new", "--edit"], 1),
        (writes.to_owned(), vec!["new", "--edit", "--pipeline", "papers"], 6),
        (writes.to_owned(), vec!["new", "--edit", "--depends-on", "99"], 7),
    ] {
        let failed = desk.with_editor(&does, &arguments, code).stderr;
        let drafts = desk.drafts();
        let [kept] = drafts.as_slice() else { panic!("{drafts:?} after {arguments:?}") };
        let kept = kept.to_str().unwrap();
        assert!(failed.contains(&format!("orch new --file {kept}")), "{failed}");
        let before = desk.titles().len();
        desk.run(&["new", "--backlog", "--file", kept], 0);
        let again = desk.run(&["new", "--backlog", "--file", kept], 0).stdout;
        assert!(again.contains("was opened from these words before"), "{again}");
        assert_eq!(desk.titles().len(), before + 1, "{arguments:?}");
        std::fs::remove_file(kept).unwrap();
    }
}

#[test]
fn a_file_of_issues_is_opened_once_and_each_for_itself() {
    let desk = Desk::new();
    let file = desk.0.world.path("the issues.md");
    let long = "x".repeat(9000);
    let text = format!(
        "# Say hello\n\nIn Dutch.\n\n# {long}\n\n# Say goodbye\n```\n# no issue\n```\n# Say hello\n\nIn Dutch.\n"
    );
    std::fs::write(&file, &text).unwrap();
    let file = file.to_str().unwrap();
    let all = ["Say hello", "Say goodbye", "Say hello"];
    for _ in 0..2 {
        let failed = desk.run(&["new", "--backlog", "--file", file], 2).stderr;
        assert!(failed.contains("at most"), "{failed}");
        assert_eq!(desk.titles(), all, "said twice in one file it is two, and the file again is none");
    }
    std::fs::write(file, "# Say hello\n\nIn Dutch.\n# Say thanks\n").unwrap();
    let mut command = desk.0.world.command(&desk.0.repository, &["new", "--backlog", "--json", "--file", "-"]);
    let ended = command.stdin(Stdio::from(std::fs::File::open(file).unwrap())).output().unwrap();
    assert_eq!(ended.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&ended.stdout).lines().count(), 2, "one object for each");
    assert_eq!(desk.titles().len(), 4);
    desk.run(&["new", "--backlog", "--again", "--file", file], 0);
    assert_eq!(desk.titles().len(), 6);
    std::fs::write(file, "\n\n").unwrap();
    assert!(desk.run(&["new", "--file", file], 2).stderr.contains("there is no issue in it"));
}

#[test]
fn a_task_is_edited_where_its_words_stand() {
    let desk = Desk::new();
    desk.run(&["new", "Say hello", "-d", "In Dutch.", "--backlog"], 0);
    let edit = |does: &str, says: &str| {
        let (mut ours, theirs) = terminal();
        let mut command = desk.0.world.command(&desk.0.repository, &["edit", "1"]);
        let theirs = |()| Stdio::from(theirs.try_clone().unwrap());
        command.env("EDITOR", desk.editor(does)).stdin(theirs(())).stdout(theirs(())).stderr(theirs(()));
        let mut running = command.spawn().unwrap();
        let mut seen = String::new();
        read_until(&mut ours, says, &mut seen);
        running.wait().unwrap().code()
    };
    let words = || -> (Value, Value) {
        let task: Value = serde_json::from_str(&desk.run(&["show", "1", "--json"], 0).stdout).unwrap();
        (task["title"].clone(), task["description"].clone())
    };
    assert_eq!(edit(":", "Nothing was changed"), Some(0));
    assert_eq!(edit("> \"$1\"", "Nothing was changed"), Some(0));
    assert_eq!(edit("sed -i s/Dutch/Frisian/ \"$1\"", "IT-001"), Some(0));
    assert_eq!(words(), ("Say hello".into(), "In Frisian.".into()));
    assert_eq!(desk.drafts(), [""; 0].map(PathBuf::from));
    let long = format!("sed -i '1s/.*/{}/' \"$1\"", "x".repeat(9000));
    assert_eq!(edit(&long, "what you wrote is kept"), Some(2));
    let drafts = desk.drafts();
    let kept = drafts[0].to_str().unwrap();
    std::fs::write(kept, "Say goodbye\n\n# In Dutch\n").unwrap();
    desk.run(&["edit", "1", "--file", kept], 0);
    assert_eq!(words(), ("Say goodbye".into(), "# In Dutch".into()));
}

#[test]
fn a_command_takes_several_tasks() {
    let desk = Desk::new();
    for title in ["Say one", "Say two", "Say three"] {
        desk.run(&["new", title, "-d", "What is wanted is this, and nothing else.", "--backlog"], 0);
    }
    let stages = |wanted: &str| desk.tasks().iter().filter(|(_, stage)| stage == wanted).count();
    assert_eq!(stages("backlog"), 3);
    let each = |command: &[&str]| {
        let told = desk.run(command, 0).stdout;
        assert!(["IT-001", "IT-002"].iter().all(|id| told.contains(id)), "{command:?}: {told}");
    };
    each(&["pause", "1", "2"]);
    each(&["resume", "1", "2"]);
    let half = desk.run(&["stop", "1", "99", "2"], 7);
    assert_eq!(stages("cancelled"), 2, "{}", half.stderr);
    each(&["reopen", "1", "2", "--backlog"]);
    assert_eq!(stages("backlog"), 3);
    desk.run(&["start", "3", "4", "5"], 0);
    assert_eq!(stages("backlog"), 0);
    for command in ["retry", "give-back", "confirm"] {
        let refused = desk.run(&[command, "3", "4"], 6).stderr;
        assert!(refused.contains("2 of 2 are not done"), "{command}: {refused}");
    }
    let refused = desk.run(&["reject", "3", "4", "--reason", "No."], 6).stderr;
    assert!(refused.contains("2 of 2 are not done"), "{refused}");
}
