//! What each level really keeps from a run, tried from inside.

use std::path::{Path, PathBuf};

use orch_run::{Confinement, End, Made, RunDirectory, StopStep, request_stop};
use rustix::process::Signal;

use crate::bench::{Bench, kill, not_run_here, output, result, started, supervisor_pid};
pub use crate::how::{How, confined, here, open_bench};

/// Runs the script at the level; what it said.
fn said(bench: &Bench, level: impl Into<How>, script: &str) -> String {
    let how = level.into();
    let (run, result) = bench.finish(&confined(bench, how, script));
    let text = String::from_utf8_lossy(&output(&run)).into_owned();
    assert_eq!(result.end, End::Exited { code: 0 }, "{text}");
    assert_eq!(result.confinement, how.level);
    text
}

const BY_BUBBLEWRAP: How = How { level: Confinement::Bubblewrap, made: Made::Bubblewrap };
const OWN: How = How { level: Confinement::Bubblewrap, made: Made::Namespaces };
const L2: How = How { level: Confinement::Landlock, made: Made::Namespaces };
/// Landlock and seccomp without namespaces.
const SHARED: How = How { level: Confinement::Shared, made: Made::Plainly };
const STRONG: [How; 3] = [BY_BUBBLEWRAP, OWN, L2];
const LOCKED: [How; 4] = [BY_BUBBLEWRAP, OWN, L2, SHARED];

#[test]
fn a_confined_run_writes_its_own_places_and_no_others() {
    for level in LOCKED {
        if !here(level, "a_confined_run_writes_its_own_places_and_no_others") {
            continue;
        }
        let bench = open_bench();
        let outside = bench.runs().parent().unwrap().join("outside");
        std::fs::create_dir(&outside).unwrap();
        std::fs::write(outside.join("secret"), "hush").unwrap();
        std::fs::create_dir(bench.runs().parent().unwrap().join("own")).unwrap();
        let everybody = std::os::unix::fs::PermissionsExt::from_mode(0o777);
        std::fs::set_permissions(&outside, everybody).unwrap();
        let script = format!(
            "cat {0}/secret && echo READ; echo x > {0}/new && echo WROTE; echo x > /etc/x && echo WROTE; \
             ls {1} && echo LISTED; echo x > here && echo x > ../own/there && echo x > $HOME/mine && \
             echo x > $TMPDIR/mine && echo fine; exit 0",
            outside.display(),
            bench.runs().display(),
        );
        let mut spec = confined(&bench, level, &script);
        spec.plan.read_write = vec![bench.runs().parent().unwrap().join("own")];
        let (run, result) = bench.finish(&spec);
        let text = String::from_utf8_lossy(&output(&run)).into_owned();
        assert_eq!(result.end, End::Exited { code: 0 }, "{text}");
        assert!(text.contains("fine\n"), "{level:?}: {text}");
        for bad in ["READ", "WROTE", "LISTED", "hush"] {
            assert!(!text.contains(bad), "{level:?}: {text}");
        }
        assert!(bench.clone_path().join("here").exists());
        assert!(!outside.join("new").exists());
        assert!(!bench.runs().parent().unwrap().join("scratch").exists(), "the scratch folder was left");
    }
}

#[test]
fn what_is_read_only_can_be_read_and_not_written() {
    for level in LOCKED {
        if !here(level, "what_is_read_only_can_be_read_and_not_written") {
            continue;
        }
        let bench = open_bench();
        let shared = bench.runs().parent().unwrap().join("shared");
        std::fs::create_dir(&shared).unwrap();
        std::fs::write(shared.join("cache"), "warm").unwrap();
        let everybody = std::os::unix::fs::PermissionsExt::from_mode(0o777);
        std::fs::set_permissions(&shared, everybody).unwrap();
        let script = format!("cat {0}/cache; echo x > {0}/new && echo WROTE; exit 0", shared.display());
        let mut spec = confined(&bench, level, &script);
        spec.plan.read_only = vec![shared.clone(), "/no/such/path".into()];
        let (run, _) = bench.finish(&spec);
        let text = String::from_utf8_lossy(&output(&run)).into_owned();
        assert!(text.starts_with("warm") && !text.contains("WROTE"), "{level:?}: {text}");
        assert!(!shared.join("new").exists());
    }
}

/// A path with `..` may go through a folder that the run does not have.
#[test]
fn what_is_named_by_a_way_through_other_folders_is_found() {
    for level in LOCKED {
        if !here(level, "what_is_named_by_a_way_through_other_folders_is_found") {
            continue;
        }
        let bench = open_bench();
        let top = bench.runs().parent().unwrap().to_owned();
        let everybody = || std::os::unix::fs::PermissionsExt::from_mode(0o755);
        for folder in ["aside", "tools", "more"] {
            std::fs::create_dir(top.join(folder)).unwrap();
        }
        for (file, text) in [
            ("tools/agent", "#!/bin/sh\n. \"$1\"; helper; cat \"${2#--file=}\"\n"),
            ("tools/lines", "echo lines\n"),
            ("tools/helper", "#!/bin/sh\necho helper\n"),
            ("more/cache", "warm\n"),
        ] {
            std::fs::write(top.join(file), text).unwrap();
            std::fs::set_permissions(top.join(file), everybody()).unwrap();
        }
        let through = |rest: &str| top.join("aside/..").join(rest).display().to_string();
        let mut spec = confined(&bench, level, "");
        spec.argv = vec![through("tools/agent"), through("tools/lines"), format!("--file={}", through("more/cache"))];
        spec.env.insert("PATH".into(), format!("{}:/usr/bin:/bin", through("tools")));
        spec.plan.read_only = vec![through("more").into()];
        let (run, result) = bench.finish(&spec);
        let text = String::from_utf8_lossy(&output(&run)).into_owned();
        assert_eq!((result.end, text.as_str()), (End::Exited { code: 0 }, "lines\nhelper\nwarm\n"), "{level:?}");
    }
}

#[test]
fn a_confined_run_is_never_root_and_gains_nothing() {
    for level in [Confinement::Bubblewrap, Confinement::Landlock, Confinement::Account] {
        if !here(level, "a_confined_run_is_never_root_and_gains_nothing") {
            continue;
        }
        let bench = open_bench();
        let text = said(&bench, level, "id -u; id -G; grep -E '^(CapEff|NoNewPrivs)' /proc/self/status; ulimit -c");
        let lines: Vec<_> = text.lines().collect();
        assert_ne!(lines[0], "0", "{level:?}");
        assert!(!lines[1].split(' ').any(|group| group == "0"), "{level:?}: {text}");
        assert!(lines[2].ends_with("0000000000000000"), "{level:?}: {text}");
        assert!(lines[3].ends_with('1'), "{level:?}: {text}");
        assert_eq!(lines[4], "0");
    }
}

#[test]
fn the_host_network_and_its_loopback_are_out_of_reach() {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    for level in STRONG {
        if !here(level, "the_host_network_and_its_loopback_are_out_of_reach") {
            continue;
        }
        let bench = open_bench();
        let script = format!("(exec 3<>/dev/tcp/127.0.0.1/{port}) 2>/dev/null && echo REACHED; echo tried");
        let mut spec = confined(&bench, level, "");
        spec.argv = ["bash", "-c", &script].map(str::to_owned).to_vec();
        let (run, ended) = bench.finish(&spec);
        let text = String::from_utf8_lossy(&output(&run)).into_owned();
        assert_eq!(text, "tried\n", "{level:?} {ended:?}");
    }
    // The same command gets through when nothing confines it: the test can fail.
    let bench = open_bench();
    let script = format!("(exec 3<>/dev/tcp/127.0.0.1/{port}) && echo REACHED");
    let (run, _) = bench.finish(&bench.command(&["bash", "-c", &script]));
    assert_eq!(output(&run), b"REACHED\n");
}

#[test]
fn other_processes_can_be_neither_seen_nor_signalled_nor_asked() {
    for level in LOCKED {
        if !here(level, "other_processes_can_be_neither_seen_nor_signalled_nor_asked") {
            continue;
        }
        let bench = open_bench();
        let own = std::process::id();
        let script = format!(
            "kill -0 {own} && echo SIGNALLED; cat /proc/{own}/environ >/dev/null && echo READ; kill -9 $PPID && echo \
             KILLED; unshare -r true && echo NAMESPACE; exit 0"
        );
        let text = said(&bench, level, &script);
        for bad in ["SIGNALLED", "READ", "KILLED", "NAMESPACE"] {
            assert!(!text.contains(bad), "{level:?}: {text}");
        }
        if level.level == Confinement::Bubblewrap {
            let bench = open_bench();
            let pids = said(&bench, level, "echo /proc/[0-9]*");
            assert!(pids.split(' ').count() < 6, "{pids}");
            let bench = open_bench();
            let first = said(&bench, level, "tr '\\0' ' ' < /proc/1/cmdline");
            assert!(!first.contains("bind"), "the arguments tell what lies outside: {first}");
        }
    }
}

#[test]
fn the_run_directory_and_its_socket_are_out_of_reach() {
    for level in [Confinement::Bubblewrap, Confinement::Landlock, Confinement::Account] {
        if !here(level, "the_run_directory_and_its_socket_are_out_of_reach") {
            continue;
        }
        let bench = open_bench();
        let run = bench.runs().join("run-1");
        let script = format!(
            "cd {0} 2>/dev/null && echo ENTERED; cat {0}/spec.json 2>/dev/null; echo '{{}}' 2>/dev/null > {0}/result.json \
             && echo FORGED; echo over",
            run.display()
        );
        let text = said(&bench, level, &script);
        assert!(text.ends_with("over\n"), "{text}");
        for bad in ["ENTERED", "FORGED", "version"] {
            assert!(!text.contains(bad), "{level:?}: {text}");
        }
    }
}

#[test]
fn a_process_of_the_run_cannot_ask_the_supervisor() {
    // Without confinement it finds the socket, and is not listened to.
    let bench = Bench::new();
    let script = "python3 -c \"import socket,os; s=socket.socket(socket.AF_UNIX); os.chdir('../runs/run-1'); \
                  s.connect('socket'); s.send(b'stop\\n'); print(s.recv(100))\" 2>&1; echo over";
    if std::process::Command::new("python3").arg("--version").output().is_err() {
        return not_run_here("a_process_of_the_run_cannot_ask_the_supervisor", "python3 is not installed");
    }
    let (run, result) = bench.finish(&bench.script(script));
    let text = String::from_utf8_lossy(&output(&run)).into_owned();
    assert_eq!(result.end, End::Exited { code: 0 }, "{text}");
    assert!(text.ends_with("over\n") && !text.contains("stopping"), "{text}");
}

#[test]
fn limits_hold_for_the_run_as_a_whole_and_say_how() {
    for level in Confinement::ALL {
        if !here(level, "limits_hold_for_the_run_as_a_whole_and_say_how") {
            continue;
        }
        let bench = open_bench();
        let script = "head -c 3000000 /dev/zero > big; stat -c %s big; ulimit -n; \
                      dd if=/dev/zero of=/dev/null bs=300M count=1 && echo ATE; exit 0";
        let mut spec = confined(&bench, level, script);
        spec.plan.memory_bytes = Some(100_000_000);
        spec.plan.processes = Some(200);
        spec.plan.open_files = Some(77);
        spec.plan.file_bytes = Some(1_000_000);
        let (run, ended) = bench.finish(&spec);
        let text = String::from_utf8_lossy(&output(&run)).into_owned();
        assert!(text.contains("1000000\n") && text.contains("77\n"), "{level:?}: {text}");
        assert!(!text.contains("ATE"), "{level:?}: {text} {:?}", ended.limits);
        let words = ended.limits.join(" ");
        for word in ["100 MB of memory", "processes", "77 files open", "1 MB"] {
            assert!(words.contains(word), "{level:?}: {words}");
        }
        assert_eq!(run.confinement().unwrap(), (level, ended.limits));
    }
}

#[test]
fn a_run_without_end_to_its_processes_is_held_and_ended() {
    let level = OWN;
    if !here(level, "a_run_without_end_to_its_processes_is_held_and_ended") {
        return;
    }
    let bench = open_bench();
    let script = "i=0; while [ $i -lt 400 ]; do sleep 1000 & i=$((i+1)); done; echo ALL; wait";
    let mut spec = confined(&bench, level, script);
    spec.plan.processes = Some(50);
    spec.stall_ms = 4_000;
    spec.stop_grace_ms = 100;
    let (run, ended) = bench.finish(&spec);
    let text = String::from_utf8_lossy(&output(&run)).into_owned();
    assert!(!text.contains("ALL"), "{text} {:?}", ended.limits);
    assert!(ended.survivors.is_empty());
}

#[test]
fn stop_steps_reach_the_agent_itself_and_then_everything_ends() {
    for level in Confinement::ALL {
        if !here(level, "stop_steps_reach_the_agent_itself_and_then_everything_ends") {
            continue;
        }
        let bench = open_bench();
        let up = bench.fifo("up");
        open(&bench.clone_path().join("up"));
        // The child is deaf and in a session of its own; the agent counts what it is told.
        let script = "trap 'echo int' INT; trap 'echo term' TERM; setsid sh -c 'trap \"\" INT TERM; exec sleep 1000' & \
                      echo $$ > up; while :; do sleep 0.1; done";
        let mut spec = confined(&bench, level, script);
        spec.stop = [2, 15].map(|signal| StopStep { signal, wait_ms: 1_500 }).to_vec();
        let run = bench.start("run-1", &spec);
        up.heard();
        request_stop(&run).unwrap();
        let ended = result(&run);
        assert_eq!(ended.end, End::Stopped);
        assert_eq!(String::from_utf8_lossy(&output(&run)), "int\nterm\n", "{level:?}");
        assert!(ended.survivors.is_empty());
    }
}

/// How many living processes have this mark of a run.
fn marked(mark: &str) -> usize {
    let line = format!("{}={mark}", orch_run::RUN_MARK_VARIABLE);
    let of = |entry: std::io::Result<std::fs::DirEntry>| {
        let environment = std::fs::read(entry.ok()?.path().join("environ")).ok()?;
        environment.split(|byte| *byte == 0).any(|word| word == line.as_bytes()).then_some(())
    };
    std::fs::read_dir("/proc").unwrap().filter_map(of).count()
}

fn open(path: &Path) {
    let everybody = std::os::unix::fs::PermissionsExt::from_mode(0o666);
    std::fs::set_permissions(path, everybody).unwrap();
}

#[test]
fn nothing_of_a_confined_run_survives_its_supervisor() {
    for level in STRONG {
        if !here(level, "nothing_of_a_confined_run_survives_its_supervisor") {
            continue;
        }
        let bench = open_bench();
        let (up, apart) = (bench.fifo("up"), bench.fifo("apart"));
        let _never = bench.fifo("never");
        for name in ["up", "apart", "never"] {
            open(&bench.clone_path().join(name));
        }
        // Neither runs another program once it has spoken: in the midst of that its environment reads as empty.
        let script = "(setsid sh -c 'trap \"\" HUP TERM; echo $$ > apart; read x < never' </dev/null >/dev/null 2>&1 &); \
                      echo $$ > up; read x < never";
        let run = bench.start("run-1", &confined(&bench, level, script));
        up.heard();
        apart.heard();
        assert!(marked(started(&run)["mark"].as_str().unwrap()) >= 2, "{level:?}: the test sees nothing");
        kill(supervisor_pid(&run), Signal::KILL);
        let ended = crate::bench::ended(&run);
        assert_eq!(ended, orch_run::Ended::Lost { tree_dead: true }, "{level:?}");
        let mark = started(&run)["mark"].as_str().unwrap().to_owned();
        assert_eq!(marked(&mark), 0, "{level:?}");
    }
}

#[test]
fn who_forks_faster_than_one_looks_ends_with_the_run_and_the_finish_command_may_fork() {
    for level in STRONG {
        if !here(level, "who_forks_faster_than_one_looks_ends_with_the_run_and_the_finish_command_may_fork") {
            continue;
        }
        let bench = open_bench();
        let script = "hop() { exec setsid sh -c 'trap \"\" TERM; i=$1; : > hopped; [ $i -gt 0 ] && sh hop $((i - 1)) &' sh $1; }; \
                      hop $1";
        std::fs::write(bench.clone_path().join("hop"), script).unwrap();
        let mut spec =
            confined(&bench, level, "sh hop 3000 </dev/null >/dev/null 2>&1 & while [ ! -e hopped ]; do :; done");
        spec.plan.processes = Some(100);
        spec.stop_grace_ms = 100;
        spec.finish = vec![["sh", "-c", "(exit 3) & wait $!; rm hopped"].map(str::to_owned).to_vec()];
        let (_, ended) = bench.finish(&spec);
        assert_eq!(ended.finish[0].code, Some(0), "{level:?}: {:?}", ended.finish);
        assert!(ended.survivors.is_empty());
        assert!(!bench.clone_path().join("hopped").exists(), "{level:?}: somebody hops on");
    }
}

#[test]
fn a_finish_command_is_confined_like_the_agent() {
    for level in STRONG {
        if !here(level, "a_finish_command_is_confined_like_the_agent") {
            continue;
        }
        let bench = open_bench();
        let mut spec = confined(&bench, level, "echo agent > left");
        spec.finish =
            vec![["sh", "-c", "id -u; cat left; ls ../runs && echo LISTED; exit 7"].map(str::to_owned).to_vec()];
        let (run, ended) = bench.finish(&spec);
        let text = String::from_utf8_lossy(&output(&run)).into_owned();
        assert_eq!(ended.finish[0].code, Some(7), "{text}");
        assert!(text.contains("agent\n") && !text.starts_with("0\n") && !text.contains("LISTED"), "{text}");
    }
}

#[test]
fn a_program_that_the_account_cannot_reach_is_told_in_words() {
    let level = Confinement::Landlock;
    if !here(level, "a_program_that_the_account_cannot_reach_is_told_in_words") {
        return;
    }
    let bench = open_bench();
    let hidden = bench.runs().parent().unwrap().join("hidden");
    std::fs::create_dir(&hidden).unwrap();
    std::fs::copy("/bin/true", hidden.join("agent")).unwrap();
    let nobody = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    std::fs::set_permissions(&hidden, nobody).unwrap();
    let mut spec = confined(&bench, level, "");
    if spec.plan.account.is_none() {
        return not_run_here(
            "a_program_that_the_account_cannot_reach_is_told_in_words",
            "only root gives other accounts",
        );
    }
    spec.argv = vec![hidden.join("agent").to_str().unwrap().to_owned()];
    let (_, ended) = bench.finish(&spec);
    let End::SpawnFailed { error } = ended.end else { panic!("{:?}", ended.end) };
    for word in ["hidden/agent", "`nobody`", "must be able to get there"] {
        assert!(error.contains(word), "{error}");
    }
}

#[test]
fn a_sandbox_that_cannot_be_made_is_no_start_and_says_why() {
    let level = BY_BUBBLEWRAP;
    if !here(level, "a_sandbox_that_cannot_be_made_is_no_start_and_says_why") {
        return;
    }
    let bench = open_bench();
    let mut spec = confined(&bench, level, "echo ran > here");
    // Inside there is no such process, and nobody makes folders in /proc.
    spec.plan.read_only = vec![PathBuf::from(format!("/proc/{}", std::process::id()))];
    let (_, ended) = bench.finish(&spec);
    let End::SpawnFailed { error } = ended.end else { panic!("{:?}", ended.end) };
    assert!(error.contains("could not be set up: bwrap: "), "{error}");
    assert!(!bench.clone_path().join("here").exists());
}

/// Not a promise: figures for people, printed by `cargo test -p orch-run bench_figures -- --nocapture`.
#[test]
fn the_supervisor_of_a_confined_run_stays_small() {
    for level in Confinement::ALL {
        if !here(level, "the_supervisor_of_a_confined_run_stays_small") {
            continue;
        }
        let bench = open_bench();
        let up = bench.fifo("up");
        open(&bench.clone_path().join("up"));
        let run: RunDirectory = bench.start("run-1", &confined(&bench, level, "echo $$ > up; exec sleep 1000"));
        up.heard();
        let rollup = std::fs::read_to_string(format!("/proc/{}/smaps_rollup", supervisor_pid(&run))).unwrap();
        let anonymous = rollup.lines().find_map(|line| line.strip_prefix("Anonymous:")).unwrap().trim();
        let kb: u64 = anonymous.trim_end_matches(" kB").parse().unwrap();
        println!("supervisor of a run at {}: {kb} kB anonymous", level.name());
        assert!(kb <= 1024, "{level:?}: {anonymous}");
        request_stop(&run).unwrap();
        result(&run);
    }
}

/// As npm and vendors' installers leave it: a link in a folder of the `PATH` to a program somewhere else.
#[test]
fn a_program_may_be_a_link_in_a_folder_of_the_path() {
    for level in LOCKED {
        if !here(level, "a_program_may_be_a_link_in_a_folder_of_the_path") {
            continue;
        }
        let bench = open_bench();
        let root = bench.runs().parent().unwrap().to_owned();
        for folder in ["bin", "versions"] {
            std::fs::create_dir(root.join(folder)).unwrap();
        }
        let program = root.join("versions/mine-2.1");
        std::fs::write(&program, "#!/bin/sh\necho it runs\n").unwrap();
        std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        std::os::unix::fs::symlink(&program, root.join("bin/mine")).unwrap();
        let mut spec = confined(&bench, level, "");
        spec.env.insert("PATH".into(), format!("{}:/usr/bin:/bin", root.join("bin").display()));
        spec.argv = vec!["mine".to_owned()];
        let (run, result) = bench.finish(&spec);
        let text = String::from_utf8_lossy(&output(&run)).into_owned();
        assert_eq!((result.end, text.as_str()), (End::Exited { code: 0 }, "it runs\n"), "{level:?}");
    }
}

/// `~/.local` is the prefix of `~/.local/bin`, and what people keep to themselves lies in it.
#[test]
fn of_a_prefix_on_the_path_only_programs_and_libraries_are_there() {
    for level in LOCKED {
        if !here(level, "of_a_prefix_on_the_path_only_programs_and_libraries_are_there") {
            continue;
        }
        let bench = open_bench();
        let prefix = bench.runs().parent().unwrap().join("prefix");
        for folder in ["bin", "lib", "share"] {
            std::fs::create_dir_all(prefix.join(folder)).unwrap();
            std::fs::write(prefix.join(folder).join("file"), format!("of {folder}\n")).unwrap();
        }
        let script =
            format!("P={}; cat $P/bin/file $P/lib/file; cat $P/share/file 2>/dev/null || echo kept", prefix.display());
        let mut spec = confined(&bench, level, &script);
        spec.env.insert("PATH".into(), format!("{}:/usr/bin:/bin", prefix.join("bin").display()));
        let (run, result) = bench.finish(&spec);
        let text = String::from_utf8_lossy(&output(&run)).into_owned();
        assert_eq!((result.end, text.as_str()), (End::Exited { code: 0 }, "of bin\nof lib\nkept\n"), "{level:?}");
    }
}
