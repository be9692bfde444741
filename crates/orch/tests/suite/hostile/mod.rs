//! Attacks from inside a run, and what becomes of each at the levels that are meant to hold them.
//!
//! An attack is a row: a program in Perl that tries things and prints what came of each, and what it must print at L3,
//! at L2 and at L2-open. Where it does no harm it is also tried without confinement, where it must succeed: a broken attack
//! passes nothing. Runs are real ones (runner, supervisor, proxy), beside secrets that everybody may read, so that it is
//! the confinement that keeps them and not their mode.

mod calls;
mod exhaustion;
mod files;
mod git;
mod kernel;
mod line;
mod meaning;
mod network;
mod own_gates;
mod place;
mod processes;
mod results;

use orch_ports::runner::RunOrder;
use orch_run::Confinement;
use orch_vendors::runner::confining::Confining;

use place::{Place, Ran};

/// One attack.
#[derive(Clone, Copy)]
pub struct Row {
    /// What is attacked, in words.
    pub name: &'static str,
    /// The program, after `prelude.pl`.
    pub attack: &'static str,
    /// How many lines it prints: one for each try.
    pub tries: usize,
    /// Outcomes at L3: one for all tries, or one for each, with commas between; `|` stands between equals.
    pub l3: &'static str,
    /// The same at L2; `None`: as at L3.
    pub l2: Option<&'static str>,
    /// The same at L2-open.
    pub l2_open: &'static str,
    /// The same without confinement: what it would do; `None` where that would harm the machine.
    pub open: Option<&'static str>,
    /// How the run ends, [`place::spelled`].
    pub end: &'static str,
    /// What is special about its order.
    pub order: fn(&mut RunOrder),
    /// What is special about its limits.
    pub limits: fn(&mut Confining),
    /// What is looked at outside after its end, besides that nothing was harmed.
    pub after: fn(&Place, &Ran),
}

/// A row that only prints.
pub const PLAIN: Row = Row {
    name: "",
    attack: "",
    tries: 1,
    l3: "",
    l2: None,
    l2_open: "",
    open: None,
    end: "completed",
    order: |_| {},
    limits: |_| {},
    after: |_, _| {},
};

impl Row {
    fn expected(&self, level: Confinement) -> Option<&'static str> {
        match level {
            Confinement::Bubblewrap => Some(self.l3),
            Confinement::Landlock => Some(self.l2.unwrap_or(self.l3)),
            Confinement::Shared => Some(self.l2_open),
            _ => self.open,
        }
    }
}

/// Every row that is run by [`hold`].
const TABLES: [&[Row]; 8] = [
    files::ROWS,
    processes::ROWS,
    kernel::ROWS,
    calls::ROWS,
    network::ROWS,
    meaning::ROWS,
    exhaustion::ROWS,
    results::ROWS,
];

const LEVELS: [Confinement; 4] =
    [Confinement::Bubblewrap, Confinement::Landlock, Confinement::Shared, Confinement::None];

/// Runs each row at each level and says all that is wrong at once.
#[expect(clippy::print_stdout, reason = "a test speaks to people through what libtest captures")]
fn hold(test: &str, rows: &[Row]) {
    let mut wrong = Vec::new();
    for level in LEVELS {
        if !place::here(level, test) {
            continue;
        }
        let place = Place::new(level);
        for (number, row) in rows.iter().enumerate() {
            let Some(expected) = row.expected(level) else { continue };
            let began = std::time::Instant::now();
            let ran = place.run(&format!("{test}-{number}"), row);
            println!("{:>6} ms {} at {}", began.elapsed().as_millis(), row.name, level.name());
            // The supervisor's own note about a log that is cut is none of the attack's.
            let own = |line: &&str| !line.is_empty() && !line.starts_with("[orch: ");
            let printed: Vec<&str> = ran.output.lines().filter(own).collect();
            let label = format!("{} at {}", row.name, level.name());
            if !matches(expected, row.tries, &printed) {
                wrong.push(format!("{label}: expected {expected:?}, saw\n{}", ran.output));
            }
            // Without confinement the machine decides how a bomb ends.
            if level > Confinement::None && !row.end.split('|').any(|end| end == ran.end) {
                wrong.push(format!("{label}: expected the end {:?}, saw {:?}\n{}", row.end, ran.end, ran.output));
            }
            if level > Confinement::None {
                wrong.extend(place.harm().into_iter().map(|harm| format!("{label}: {harm}")));
                let looked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| (row.after)(&place, &ran)));
                if let Err(panic) = looked {
                    let words = panic.downcast_ref::<String>().map(String::as_str);
                    let words = words.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("it panicked");
                    wrong.push(format!("{label}: {words}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Whether these lines have these outcomes.
fn matches(expected: &str, tries: usize, printed: &[&str]) -> bool {
    let each: Vec<&str> = expected.split(',').map(str::trim).collect();
    let expected = |at: usize| if each.len() == 1 { each[0] } else { each.get(at).copied().unwrap_or("nothing") };
    let outcome = |line: &str| line.rsplit_once(": ").map_or(String::new(), |(_, outcome)| outcome.to_owned());
    printed.len() == tries
        && (each.len() == 1 || each.len() == tries)
        && printed.iter().enumerate().all(|(at, line)| expected(at).split('|').any(|word| word == outcome(line)))
}

#[test]
fn a_row_is_held_to_its_words() {
    assert!(matches("EPERM|EACCES", 2, &["a: EPERM", "b: EACCES"]));
    assert!(matches("EPERM, READ", 2, &["a: EPERM", "b: READ"]));
    for (expected, printed) in [
        ("EPERM", &["a: EPERM"][..]),
        ("EPERM", &["a: EPERM", "b: READ"]),
        ("EPERM", &["a: EPERM", "b"]),
        ("EPERM, READ", &["a: READ", "b: READ"]),
    ] {
        assert!(!matches(expected, 2, printed), "{expected} {printed:?}");
    }
    let count: usize = TABLES.iter().map(|rows| rows.len()).sum::<usize>() + git::COUNT + line::COUNT;
    assert!(count >= 160, "{count} attacks are too few");
}

#[test]
fn files_out_of_reach_stay_there() {
    hold("hostile_files", files::ROWS);
}

#[test]
fn other_processes_are_left_alone() {
    hold("hostile_processes", processes::ROWS);
}

#[test]
fn the_kernel_gives_no_way_out() {
    hold("hostile_kernel", kernel::ROWS);
}

#[test]
fn calls_on_others_and_on_the_machine_are_refused() {
    hold("hostile_calls", calls::ROWS);
}

#[test]
fn the_vendor_is_asked_for_answers_and_nothing_else() {
    hold("hostile_meaning", meaning::ROWS);
}

#[test]
fn the_network_has_one_door() {
    hold("hostile_network", network::ROWS);
}

#[test]
fn what_a_run_uses_up_is_its_own() {
    hold("hostile_exhaustion", exhaustion::ROWS);
}

#[test]
fn what_a_run_leaves_is_looked_at_from_afar() {
    hold("hostile_results", results::ROWS);
}
