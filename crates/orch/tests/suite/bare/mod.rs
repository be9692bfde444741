//! The commands of the README on a machine with Rust, git and nothing else.
//!
//! Each form is a clean root of its own in namespaces of its own: Debian's base, git and a C compiler by hard links, the
//! toolchain where rustup puts it, in a home that is closed to others, no network, no bubblewrap.

mod root;

use orch_testkit::world::not_run;

use root::{CleanRoot, Said};

/// How a machine can be.
#[derive(Debug, Clone, Copy)]
pub struct Form {
    name: &'static str,
    /// `root` or `ann`.
    account: &'static str,
    umask: &'static str,
    /// What `narrow` takes away.
    narrowed: &'static str,
    /// Variables, as `NAME=value`.
    set: &'static str,
    /// There is a bubblewrap, and it may make no namespace.
    bubblewrap: bool,
    /// What has to be said, a line each.
    says: &'static [&'static str],
}

/// A user's machine on which nothing is in the way.
const PLAIN: Form =
    Form { name: "", account: "ann", umask: "022", narrowed: "", set: "", bubblewrap: false, says: &[] };

/// Runs a command in each form; what is wrong with what it said, by the form's name.
fn in_each(test: &str, forms: &[Form], command: &[&str], wrong: fn(&Form, &Said) -> Vec<String>) {
    let problems: Vec<String> = std::thread::scope(|scope| {
        // Two at once: each is mostly a chain of processes.
        let half = |odd: usize| {
            let mut found = Vec::new();
            for form in forms.iter().skip(odd).step_by(2) {
                let root = match CleanRoot::make() {
                    Ok(root) => root,
                    Err(problem) => {
                        let record = std::env::var_os("ORCH_TEST_NOT_RUN");
                        not_run(record.as_deref(), &format!("bare/{test}"), &problem);
                        return found;
                    }
                };
                if form.bubblewrap {
                    root.give_bubblewrap_that_fails();
                }
                let said = root.run(form, command);
                let words = wrong(form, &said).join("; ");
                if !words.is_empty() {
                    found.push(format!("{}: {words}\n{:?}\n{}", form.name, said.code, said.text));
                }
            }
            found
        };
        let threads = [0, 1].map(|odd| scope.spawn(move || half(odd)));
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert!(problems.is_empty(), "{}", problems.join("\n\n"));
}

/// What a form has to say, and does not.
fn unsaid(form: &Form, said: &Said) -> Vec<String> {
    let missing = form.says.iter().filter(|words| !said.text.contains(**words));
    missing.map(|words| format!("{words:?} is missing")).collect()
}

#[test]
fn the_demo_runs_whole() {
    let forms = [
        Form {
            name: "root, files closed by the umask, temporary files below a closed folder",
            account: "root",
            umask: "077",
            set: "TMPDIR=/root/tmp",
            says: &["confined at L3", "7 of 7 issues on main"],
            ..PLAIN
        },
        Form {
            name: "a user, files open by the umask, temporary files below a closed folder",
            umask: "0",
            set: "TMPDIR=/home/ann/closed/tmp",
            says: &["confined at L3", "7 of 7 issues on main"],
            ..PLAIN
        },
        Form {
            name: "root in a container that may make no namespace, with a bubblewrap",
            account: "root",
            narrowed: "no-namespaces",
            bubblewrap: true,
            // The toolchain lies in a home that no other account enters, so no level below has it.
            says: &["confined at L0 (no confinement): this host cannot confine runs to L2", "7 of 7 issues on main"],
            ..PLAIN
        },
        Form {
            name: "a user in such a container",
            narrowed: "no-namespaces",
            says: &["confined at L2-open", "7 of 7 issues on main"],
            ..PLAIN
        },
    ];
    in_each("the_demo_runs_whole", &forms, &["orch", "demo"], |form, said| {
        let mut wrong = unsaid(form, said);
        if said.code != Some(0) {
            wrong.push("it failed".to_owned());
        }
        wrong
    });
}

#[test]
fn a_demo_that_cannot_go_on_ends_with_the_reason() {
    let forms = [
        Form { name: "no tool chain", set: "RUSTUP_TOOLCHAIN=none", says: &["error: ", "none", "fix: "], ..PLAIN },
        Form {
            name: "no place",
            set: "TMPDIR=/proc",
            says: &["error: the folder of the demo cannot be made"],
            ..PLAIN
        },
    ];
    in_each("a_demo_that_cannot_go_on_ends_with_the_reason", &forms, &["orch", "demo"], |form, said| {
        let mut wrong = unsaid(form, said);
        if said.code != Some(1) {
            wrong.push("exit code 1 is meant".to_owned());
        }
        wrong
    });
}

/// The second command as far as it goes without a network: it says at once what it needs and cannot have.
#[test]
fn the_test_command_says_what_it_lacks() {
    let says = &[
        "tool/strace: must run in CI: it is not installed, and there is no apt-get here to install strace",
        "tool/bwrap: must run in CI: it is not installed",
        "tool/podman: it is not installed",
    ];
    let set = "CI=true CARGO_MANIFEST_DIR=/src/xtask CARGO_NET_OFFLINE=true";
    let forms =
        [Form { name: "root", account: "root", set, says, ..PLAIN }, Form { name: "a user", set, says, ..PLAIN }];
    let test = "the_test_command_says_what_it_lacks";
    let xtask = std::env::current_exe().unwrap().ancestors().nth(2).unwrap().join("xtask");
    if !xtask.is_file() {
        let record = std::env::var_os("ORCH_TEST_NOT_RUN");
        return not_run(record.as_deref(), &format!("bare/{test}"), "xtask was not built: cargo build -p xtask");
    }
    let command = ["/usr/local/bin/xtask", "test", "--only", "fmt", "--only", "tools"];
    in_each(test, &forms, &command, |form, said| {
        let mut wrong = unsaid(form, said);
        if !said.text.contains("1 passed, ")
            || !said.text.contains("tool/strace: must run in CI")
            || said.code != Some(1)
        {
            wrong.push("it has to count, and to refuse in CI what must run there".to_owned());
        }
        wrong
    });
}

#[test]
fn the_line_works_or_says_why_not() {
    const WORKS: &[&str] = &["doctor: ok runs get level L3", "up: Runs are confined at L3", "line: asks"];
    const OPEN: &[&str] = &["up: Runs are confined at L2-open", "line: asks"];
    let forms = [
        Form { name: "root", account: "root", says: WORKS, ..PLAIN },
        Form { name: "root, umask 077", account: "root", umask: "077", says: WORKS, ..PLAIN },
        Form { name: "root, umask 0", account: "root", umask: "0", says: WORKS, ..PLAIN },
        Form { name: "a user", says: WORKS, ..PLAIN },
        Form { name: "a user, umask 077", umask: "077", says: WORKS, ..PLAIN },
        Form { name: "a user, umask 0", umask: "0", says: WORKS, ..PLAIN },
        Form {
            name: "root, a kernel without Landlock",
            account: "root",
            narrowed: "no-landlock",
            says: WORKS,
            ..PLAIN
        },
        Form { name: "a user, a kernel without Landlock", narrowed: "no-landlock", says: WORKS, ..PLAIN },
        Form {
            name: "root in a container",
            account: "root",
            narrowed: "no-namespaces",
            bubblewrap: true,
            // Told at the start, and no attempt of the task is spent.
            says: &[
                "up: warning: nothing will start: this host cannot confine runs to L2 (",
                "set `min`",
                "doctor: fail",
                "line: stands",
            ],
            set: "PATIENCE=30",
            ..PLAIN
        },
        Form {
            name: "root in a container, who accepts less, with state in a closed home",
            account: "root",
            narrowed: "no-namespaces",
            set: "PATIENCE=30 ORCH_CONFINEMENT_MIN=L2-open",
            says: &["nobody", "for /root is closed to it", "ORCH_STATE_DIR", "line: stands"],
            ..PLAIN
        },
        Form {
            name: "root in a container, who accepts less",
            account: "root",
            umask: "077",
            narrowed: "no-namespaces",
            set: "ORCH_CONFINEMENT_MIN=L2-open ORCH_STATE_DIR=/var/lib/orch",
            says: &["up: Runs are confined at L2-open", "line: asks", "mode: 710 orch"],
            ..PLAIN
        },
        Form {
            name: "root in a container without Landlock",
            account: "root",
            narrowed: "no-namespaces no-landlock",
            set: "ORCH_CONFINEMENT_MIN=L1 ORCH_STATE_DIR=/var/lib/orch",
            says: &["up: Runs are confined at L1", "line: asks"],
            ..PLAIN
        },
        Form {
            name: "a user in a container",
            narrowed: "no-namespaces",
            set: "PATIENCE=30",
            says: &[
                "up: warning: nothing will start: this host cannot confine runs to L2 (",
                "\"L2-open\"",
                "line: stands",
            ],
            ..PLAIN
        },
        Form {
            name: "a user in a container, who accepts less",
            umask: "0",
            narrowed: "no-namespaces",
            set: "ORCH_CONFINEMENT_MIN=L2-open",
            says: OPEN,
            ..PLAIN
        },
        Form {
            name: "a user in a container without Landlock",
            narrowed: "no-namespaces no-landlock",
            set: "PATIENCE=30 ORCH_CONFINEMENT_MIN=L2-open",
            says: &["no Landlock", "\"L0\"", "line: stands"],
            ..PLAIN
        },
    ];
    in_each("the_line_works_or_says_why_not", &forms, &["/bin/sh", "/usr/local/share/line.sh"], |form, said| {
        let mut wrong = unsaid(form, said);
        let private = ["mode: 600 orch.db", "mode: 600 token", "mode: 700 copy", "open: 0"];
        wrong.extend(private.iter().filter(|words| !said.text.contains(**words)).map(|w| format!("{w:?} is missing")));
        if said.text.contains("attempt 2") {
            wrong.push("an attempt was spent on the machine".to_owned());
        }
        wrong
    });
}
