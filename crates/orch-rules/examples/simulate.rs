//! Random histories at full speed: `cargo run --release -p orch-rules --example simulate -- --seconds 60`.
//!
//! Exit code 0: nothing was violated and everything was seen. 1: a promise was broken (seed and step are printed), or
//! a rule, stage kind or guard failure was never seen. 2: wrong arguments.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "its answer is what it prints")]

#[path = "../tests/suite/world/mod.rs"]
mod world;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use world::random::{Seen, Simulation};
use world::random_people::everything;
use world::reviewing::BECOMES;

const USAGE: &str = "simulate [--seconds N] [--seed S] [--json]";

struct Wishes {
    seconds: u64,
    seed: u64,
    json: bool,
}

#[expect(clippy::disallowed_methods, reason = "a program reads its arguments")]
fn wishes() -> Result<Wishes, String> {
    let mut wishes = Wishes { seconds: 10, seed: 1, json: false };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut number = || {
            let text = arguments.next().ok_or(format!("{argument} needs a number"))?;
            text.parse::<u64>().map_err(|e| format!("{argument} {text}: {e}"))
        };
        match argument.as_str() {
            "--seconds" => wishes.seconds = number()?,
            "--seed" => wishes.seed = number()?,
            "--json" => wishes.json = true,
            other => return Err(format!("{other} is not known")),
        }
    }
    Ok(wishes)
}

#[expect(clippy::disallowed_methods, reason = "the speed is what is measured")]
fn main() -> ExitCode {
    let wishes = match wishes() {
        Ok(wishes) => wishes,
        Err(why) => {
            eprintln!("{why}; {USAGE}");
            return ExitCode::from(2);
        }
    };
    let begun = Instant::now();
    let mut seen = Seen::default();
    let mut violations = Vec::new();
    let mut seed = wishes.seed;
    while violations.is_empty() && begun.elapsed() < Duration::from_secs(wishes.seconds) {
        let mut simulation = Simulation::new(seed, seen);
        if let Err(what) = simulation.run() {
            violations.push(format!("seed {seed}, {what}"));
        }
        seen = simulation.seen;
        seed += 1;
    }
    let per_minute = (seen.decisions as f64 / begun.elapsed().as_secs_f64() * 60.0) as u64;
    let (rules, kinds, guards) = everything();
    let missing: Vec<&str> = [
        rules.into_iter().filter(|r| !seen.rules.contains_key(r)).collect::<Vec<_>>(),
        kinds.into_iter().filter(|k| !seen.kinds.contains_key(k)).collect(),
        guards.into_iter().filter(|g| !seen.guards.contains_key(g)).collect(),
        BECOMES.into_iter().filter(|b| !seen.findings.contains_key(b)).collect(),
    ]
    .concat();
    if wishes.json {
        let answer = serde_json::json!({
            "seed": wishes.seed, "worlds": seen.worlds, "steps": seen.steps, "decisions": seen.decisions,
            "decisions_per_minute": per_minute, "rules": seen.rules, "stage_kinds": seen.kinds,
            "guard_failures": seen.guards, "ends": seen.ends, "judgement": seen.findings, "never_seen": missing, "violations": violations,
        });
        println!("{answer}");
    } else {
        println!("seed {} and on: {} worlds, {} steps", wishes.seed, seen.worlds, seen.steps);
        println!("{} decisions, {per_minute} a minute", seen.decisions);
        println!("rules: {:?}", seen.rules);
        println!("stage kinds: {:?}", seen.kinds);
        println!("guards that failed: {:?}", seen.guards);
        println!("ends: {:?}", seen.ends);
        println!("findings and verdicts: {:?}", seen.findings);
        println!("never seen: {missing:?}");
        violations.iter().for_each(|v| println!("VIOLATED {v}"));
    }
    if violations.is_empty() && missing.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(1) }
}
