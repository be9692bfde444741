//! The scripted agent as a program of its own, as `orch scripted-agent` is.

fn main() {
    std::process::exit(orch_testkit::scripted_agent::run(&|name| std::env::var(name).ok()));
}
