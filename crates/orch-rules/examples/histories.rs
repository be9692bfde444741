//! Random histories of the edge, many of them:
//! `cargo run --release -p orch-rules --example histories -- --count 100000 --seed 1`.
//!
//! Exit code 0: nothing was lost, doubled or invented. 1: something was; a seed that shows it is printed. 2: wrong
//! arguments.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "its answer is what it prints")]

#[path = "../tests/suite/histories/mod.rs"]
#[allow(dead_code, reason = "the tests use the rest")]
mod histories;

use std::process::ExitCode;

use histories::outside::{Answering, Lacking, Outside};
use histories::{Counts, FAULTS, History, Setting, Without};

const USAGE: &str = "histories [--count N] [--seed S]";

#[expect(clippy::disallowed_methods, reason = "a program reads its arguments")]
fn wishes() -> Result<(u64, u64), String> {
    let (mut count, mut seed) = (10_000, 1);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let text = arguments.next().ok_or(format!("{argument} needs a number"))?;
        let number = text.parse::<u64>().map_err(|e| format!("{argument} {text}: {e}"))?;
        match argument.as_str() {
            "--count" => count = number,
            "--seed" => seed = number,
            other => return Err(format!("{other} is not known")),
        }
    }
    Ok((count, seed))
}

/// Prints what the histories of one setting came to; false if there was a fault.
fn pass(name: &str, setting: Setting, seeds: std::ops::Range<u64>) -> bool {
    let (mut sum, mut faulty) = (Counts::new(), None);
    for seed in seeds.clone() {
        for (what, often) in History::new(seed, setting).run() {
            *sum.entry(what).or_default() += often;
            if FAULTS.contains(&what) {
                faulty.get_or_insert((seed, what));
            }
        }
    }
    println!("{name}: {} histories", seeds.end - seeds.start);
    for (what, often) in &sum {
        println!("{often:10}  {what}");
    }
    if let Some((seed, what)) = faulty {
        println!("FAULT with seed {seed}: {what}");
    }
    faulty.is_none()
}

fn main() -> ExitCode {
    let (count, seed) = match wishes() {
        Ok(wishes) => wishes,
        Err(why) => {
            eprintln!("{why}; {USAGE}");
            return ExitCode::from(2);
        }
    };
    let seeds = seed..seed.saturating_add(count);
    let mut well = true;
    for (name, history, lookers) in [
        ("a product with a history", true, 1),
        ("with a history, two lookers at once", true, 2),
        ("a product without a history", false, 1),
        ("without a history, two lookers at once", false, 2),
    ] {
        well &= pass(name, Setting { history, lookers, without: Without::Nothing }, seeds.clone());
    }
    for product in [Answering::Blind, Answering::InTime, Answering::Late] {
        let wrong = seeds.clone().filter(|seed| Outside::new(*seed, Lacking::Nothing, product).ends_wrong()).count();
        println!("two workers on one projection, {product:?}: {count} runs, {wrong} believed clean and wrong");
        well &= wrong == 0;
    }
    if well { ExitCode::SUCCESS } else { ExitCode::from(1) }
}
