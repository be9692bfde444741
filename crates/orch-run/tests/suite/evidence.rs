//! What a run leaves behind.

use std::process::Command;
use std::time::{Duration, Instant};

use orch_run::{AgentResult, Confinement, End, FinishResult, RunResult, sanitize_for_terminal};

use crate::bench::{Bench, not_run_here, output, result, started};

#[test]
fn the_environment_is_the_specs_and_nothing_else() {
    let bench = Bench::new();
    let mut spec = bench.command(&["env"]);
    spec.env.insert("GREETING".into(), "two words".into());
    let (run, _) = bench.finish(&spec);
    let text = String::from_utf8(output(&run)).unwrap();
    let mark = started(&run)["mark"].as_str().unwrap().to_owned();
    let mut lines: Vec<_> = text.lines().collect();
    lines.sort_unstable();
    assert_eq!(
        lines,
        ["GREETING=two words", "ORCH_RUN_ID=run-1", &format!("ORCH_RUN_MARK={mark}"), "PATH=/usr/bin:/bin:/usr/sbin",]
    );
}

#[test]
fn an_agent_reads_nothing_and_works_in_its_directory() {
    let bench = Bench::new();
    let (run, _) = bench.finish(&bench.script("cat; pwd -P"));
    let expected = bench.clone_path().canonicalize().unwrap();
    assert_eq!(output(&run), format!("{}\n", expected.display()).into_bytes());
}

#[test]
fn a_huge_output_is_cut_with_a_marker_and_the_agent_goes_on() {
    let bench = Bench::new();
    let mut spec = bench.script("head -c 20000000 /dev/zero; echo reached > end; exit 4");
    spec.output_cap_bytes = 10_000;
    let (run, result) = bench.finish(&spec);
    assert_eq!(result.end, End::Exited { code: 4 });
    assert_eq!((result.output_bytes, result.output_truncated), (20_000_000, true));
    assert!(bench.clone_path().join("end").exists());
    let kept = output(&run);
    assert_eq!(kept[..10_000], [0; 10_000]);
    let marker = String::from_utf8(kept[10_000..].to_vec()).unwrap();
    assert!(marker.starts_with("\n[orch: the log is cut here"), "{marker:?}");
    assert!(kept.len() < 10_200);
}

#[test]
fn output_is_kept_raw_and_read_in_pieces() {
    let bench = Bench::new();
    let (run, _) = bench.finish(&bench.script(r"printf 'a\033[31mb\377c\n'"));
    let raw = b"a\x1b[31mb\xffc\n";
    assert_eq!(output(&run), raw);
    let first = run.read_output(0, 4).unwrap();
    assert_eq!((first.bytes.as_slice(), first.next_offset), (&raw[..4], 4));
    let rest = run.read_output(first.next_offset, 1000).unwrap();
    assert_eq!((rest.bytes.as_slice(), rest.next_offset), (&raw[4..], raw.len() as u64));
    assert!(run.read_output(1_000_000, 10).unwrap().bytes.is_empty());
    assert_eq!(sanitize_for_terminal(raw), "ab\u{fffd}c\n");
}

/// Runs an agent that does `script` about its result file `$R`.
fn reported(script: &str) -> AgentResult {
    let bench = Bench::new();
    let file = bench.runs().join("report");
    let mut spec = bench.script(script);
    spec.env.insert("R".into(), file.to_str().unwrap().into());
    spec.result_file = Some(file);
    let (_, result) = bench.finish(&spec);
    assert_eq!(result.end, End::Exited { code: 0 });
    result.agent_result
}

#[test]
fn the_agents_report_is_read_with_suspicion() {
    let AgentResult::Object(report) = reported(r#"echo '{"model":"m","usage":{"input":3}}' > $R"#) else {
        panic!("a valid report was refused")
    };
    assert_eq!(report["usage"]["input"], 3);
    assert_eq!(reported("true"), AgentResult::Absent);
    let refused = |script: &str, word: &str| match reported(script) {
        AgentResult::Invalid(reason) => assert!(reason.contains(word), "{script}: {reason}"),
        other => panic!("{script}: {other:?}"),
    };
    refused("echo '{\"a\":' > $R", "not JSON");
    refused("echo '[1]' > $R", "no object");
    refused("printf '{\"a\":\"%01100000d\"}' 1 > $R", "larger");
    refused("ln -s /etc/hostname $R", "symbolic link");
    refused("mkfifo $R", "no regular file");
    refused("mkdir $R", "no regular file");
    refused("i=0; while [ $i -lt 900 ]; do printf '{\"a\":['; i=$((i+1)); done > $R", "not JSON");
}

#[test]
fn finish_commands_run_in_order_after_any_end_and_one_failure_stops_none() {
    let bench = Bench::new();
    let mut spec = bench.script("echo agent >> steps; exec sleep 1000");
    spec.deadline_ms = 500;
    spec.finish_deadline_ms = 3_000;
    let sh = |script: &str| vec!["sh".to_owned(), "-c".to_owned(), script.to_owned()];
    spec.finish = vec![
        sh("echo first >> steps; exit 9"),
        sh("echo second >> steps; exec sleep 1000"),
        vec!["no-such-program".to_owned()],
        sh("echo \"$ORCH_RUN_ID\" >> steps; echo said"),
    ];
    let began = Instant::now();
    let (run, result) = bench.finish(&spec);
    assert_eq!(result.end, End::Deadline);
    let codes: Vec<_> = result.finish.iter().map(|f| (f.argv0.as_str(), f.code)).collect();
    assert_eq!(codes[0], ("sh", Some(9)));
    assert_eq!(codes[1], ("sh", None));
    assert_eq!(codes[2], ("no-such-program", None));
    assert_eq!(codes[3], ("sh", Some(0)));
    let problem = |n: usize| result.finish[n].problem.clone().unwrap_or_default();
    assert!(problem(1).contains("stopped after 3000 ms"), "{}", problem(1));
    assert!(problem(2).contains("no-such-program"), "{}", problem(2));
    let steps = std::fs::read_to_string(bench.clone_path().join("steps")).unwrap();
    assert_eq!(steps, "agent\nfirst\nsecond\nrun-1\n");
    assert_eq!(output(&run), b"said\n");
    assert!(began.elapsed() >= Duration::from_millis(3_500));
}

#[test]
fn a_stop_request_does_not_keep_the_finish_commands_from_their_work() {
    let bench = Bench::new();
    let (up, gate) = (bench.fifo("up"), bench.fifo("gate"));
    let mut spec = bench.script("exit 0");
    spec.finish = vec![vec!["sh".into(), "-c".into(), "echo $$ > up; cat gate; exit 5".into()]];
    let run = bench.start("run-1", &spec);
    up.heard();
    orch_run::request_stop(&run).unwrap();
    gate.open_gate();
    let result = result(&run);
    assert_eq!(result.end, End::Exited { code: 0 });
    assert_eq!(result.finish[0].code, Some(5));
}

#[test]
fn the_wire_form_of_a_result_stays() {
    let result = RunResult {
        version: 1,
        run_id: "r".into(),
        end: End::Exited { code: 0 },
        started_ms: 1,
        ended_ms: 2,
        agent_result: AgentResult::Absent,
        output_bytes: 3,
        output_truncated: false,
        finish: vec![FinishResult { argv0: "git".into(), code: Some(1), problem: None }],
        confinement: Confinement::None,
        limits: vec!["One.".into()],
        survivors: Vec::new(),
        free_bytes: Some(5),
        companion_died: false,
    };
    assert_eq!(
        serde_json::to_string(&result).unwrap(),
        r#"{"version":1,"run_id":"r","end":{"exited":{"code":0}},"started_ms":1,"ended_ms":2,"agent_result":"absent","output_bytes":3,"output_truncated":false,"finish":[{"argv0":"git","code":1}],"confinement":"L0","limits":["One."],"survivors":[],"free_bytes":5}"#
    );
    let ends = [
        (End::Signalled { signal: 9 }, r#"{"signalled":{"signal":9}}"#),
        (End::Deadline, r#""deadline""#),
        (End::Stalled, r#""stalled""#),
        (End::Stopped, r#""stopped""#),
        (End::Overgrown { reason: "r".into() }, r#"{"overgrown":{"reason":"r"}}"#),
        (End::SpawnFailed { error: "e".into() }, r#"{"spawn_failed":{"error":"e"}}"#),
    ];
    for (end, text) in ends {
        assert_eq!(serde_json::to_string(&end).unwrap(), text);
    }
    let invalid = AgentResult::Invalid("why".into());
    assert_eq!(serde_json::to_string(&invalid).unwrap(), r#"{"invalid":"why"}"#);
}

/// A small file system of its own, gone with the test.
struct SmallDisk(std::path::PathBuf);

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_costs_output_and_nothing_else() {
    let bench = Bench::new();
    let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=512k", "tmpfs"]).arg(bench.runs()).output();
    if !mounted.is_ok_and(|out| out.status.success()) {
        return not_run_here("a_full_disk_costs_output_and_nothing_else", "mounting a tmpfs needs root");
    }
    let _disk = SmallDisk(bench.runs());
    let mut spec = bench.script("head -c 2000000 /dev/zero; exit 6");
    spec.output_cap_bytes = 1 << 30;
    let (run, result) = bench.finish(&spec);
    assert_eq!(result.end, End::Exited { code: 6 });
    assert_eq!((result.output_bytes, result.output_truncated), (2_000_000, true));
    assert!(output(&run).len() < 512 * 1024);
}
