//! Why something is so: what keeps a task from its start, holds it, or is out; what people are told of that.

use super::codes::{codes, take};
use super::{ArgKind, Code, Reason};

codes! {
    CAUSES;

    /// Words of somebody else and nothing more: what an older release wrote as a sentence.
    quoted(words: Quote);

    /// A task that may not start, with what is wrong with it.
    entry_check_failed(reasons: Reasons);
    /// Its title is empty.
    title_empty(min: Number);
    /// Its title is too short.
    title_short(length: Number, min: Number);
    /// Its title is too long.
    title_long(length: Number, max: Number);
    /// Its description is empty.
    description_empty(min: Number);
    /// Its description is too short.
    description_short(length: Number, min: Number);

    /// No more is tried before a person has looked.
    escalated(reason: Reasons);
    /// What went wrong last, after as many retries as there may be.
    after_retries(reason: Reasons, retries: Number);
    /// What went wrong last, and why more of the same would change nothing.
    after_no_progress(reason: Reasons, stalled: Reasons);
    /// A new task, on its way.
    created_and_started();
    /// A new task that nobody has started.
    created_in_backlog();
    /// A new task of an author who is none of those whose issues start.
    created_unlisted(names: Quote);
    /// A new task, and the variant of the line it goes along.
    created_with_variant(reason: Reasons, variant: Id);

    /// A start came to nothing.
    not_started(id: Id, reasons: Reasons);
    /// A task of a cycle is not retried.
    part_of_a_cycle(reason: Reasons);
    /// Several things, one after the other.
    all_of(reasons: Reasons);
    /// A command changes nothing.
    refused(id: Id, reason: Reasons);

    /// Findings that block were not resolved by rework after rework.
    findings_unresolved(reworks: Number, findings: Quote);
    /// A stage fails the same way rework after rework.
    same_failure(reworks: Number, stage: Id);
    /// Red led back to an earlier stage.
    sent_back(from: Id, to: Id, reason: Reasons);
    /// As many retries as there may be.
    retries_used_up(cap: Number);
    /// No machine goes on.
    person_has_to_look(reason: Reasons);
    /// A step ended so that no machine can go on.
    stuck(reason: Reasons);
    /// Tasks that wait for each other.
    dependency_cycle(through: Id, first: Id, last: Id);

    /// A run left processes that may still work.
    quarantined(attempt: Number);
    /// Runs were lost with their host, one after the other.
    runs_lost(count: Number, attempt: Number);
    /// A run used up what one may cost.
    run_over_budget(attempt: Number, why: Quote);
    /// A run cannot be started, and the next could not either.
    never_starts(attempt: Number, why: Quote);
    /// An agent's program ended with a failure.
    agent_failed(role: Text, attempt: Number, why: Quote);
    /// An agent did not end in its time.
    agent_timed_out(role: Text, attempt: Number);
    /// An agent showed no life.
    agent_stalled(role: Text, attempt: Number);
    /// An agent could not be started.
    agent_not_started(role: Text, attempt: Number, why: Quote);

    /// A gate is red.
    gate_red(gate: Text, why: Quote);
    /// A gate cannot tell.
    gate_unknown(gate: Text, why: Quote);

    /// The change and the base branch changed the same lines.
    conflict(main: Id, onto: Id);
    /// The tests fail on the base branch with the change.
    combined_tests_fail(main: Id, onto: Id);
    /// The repository's own settings cannot be used on the base branch with the change.
    combined_settings_unusable(main: Id, onto: Id);
    /// Whoever guards the base branch does not take the candidate.
    landing_refused(by: Id, main: Id, why: Quote);
    /// The forge's CI says that what stands on the base branch is red.
    main_red(main: Id, commit: Id, why: Quote);
    /// The test command could not be run on the candidate.
    candidate_untested(why: Quote);

    /// A look at everything found what nobody had been woken for.
    found_by_the_sweep(rules: Text);

    /// A log-in, an agent or a repository cannot be used.
    outage(source: Text, name: Id, why: Quote);
    /// The same, and when one run tries again.
    outage_begins(source: Text, name: Id, why: Quote, minutes: Number);
    /// The run that tried found it unchanged.
    outage_goes_on(source: Text, name: Id, why: Quote, minutes: Number);
    /// A run goes first to see whether it is over.
    outage_tried(source: Text, name: Id);
    /// It is.
    outage_over(source: Text, name: Id);
    /// A person lifted it.
    outage_lifted(source: Text, name: Id);
    /// An end that is no fault of the work.
    run_excused(attempt: Number);

    /// A person is asked to approve.
    asks_approval(task: Id, title: Quote);
    /// An agent has questions.
    asks_questions(task: Id, title: Quote, questions: Quote);
    /// A person is asked to confirm a deploy.
    asks_confirmation(task: Id, title: Quote);
    /// The same, where it is known where to.
    asks_deployment(task: Id, title: Quote, target: Id);
    /// And it cannot be taken back there.
    asks_irreversible(task: Id, title: Quote, target: Id);
    /// A change to protected paths needs a person's grant.
    asks_protected(task: Id, title: Quote, paths: Quote);
    /// A budget is used up.
    asks_budget(task: Id, title: Quote);
    /// A task was delivered.
    task_done(task: Id, title: Quote);
    /// A task was called off.
    task_stopped(task: Id, title: Quote);
    /// What landed did not run where it was deployed.
    deployment_failed(target: Id, why: Quote);
    /// The same, as people are told.
    deployment_red(name: Id, target: Id, why: Quote);
    /// The machine could not begin it.
    deployment_not_begun(name: Id, target: Id, why: Quote);
    /// Nobody knows what a hook did.
    deployment_unknown(name: Id, target: Id, why: Quote);
    /// Something else runs than what was brought.
    target_drifted(target: Id, revision: Quote);
    /// What a stopped task brought could not be taken back.
    not_taken_back(commit: Id, main: Id, why: Quote);
    /// It cannot be taken back where it was deployed.
    not_taken_back_for_good(commit: Id, main: Id);
    /// Nor is it known which commit brought it.
    not_taken_back_unknown(main: Id);
    /// A repository takes nothing.
    repository_frozen(name: Id, why: Quote);
    /// What it was frozen for is mended; people lift it.
    repository_freeze_mended(name: Id, why: Quote);
    /// It does again.
    repository_unfrozen(name: Id);

    /// Somebody pushed, and it could not be looked at.
    push_unseen();
    /// Somebody took published commits from the branch.
    push_rewrote(by: Id, branch: Id, tip: Id, head: Id);
}
