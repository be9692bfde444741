//! What a command did or why it does nothing, and what happened.

use super::codes::{codes, take};
use super::{ArgKind, Code, Reason};

codes! {
    HISTORY;

    /// Nobody waits for an answer.
    nothing_said();
    /// A task is on its way.
    now_started();
    /// A stage runs once more.
    runs_again(stage: Id);
    /// A stop was taken.
    now_stopping();
    /// A task is stopped.
    now_stopped();
    /// A hold was lifted.
    fresh_attempts();
    /// What somebody pushed is looked at.
    branch_looked_at_again();
    /// What a run left is fetched once more.
    collected_again(attempt: Number);
    /// Nothing new starts.
    now_paused();
    /// A pause is over.
    goes_on();
    /// An edge was added.
    now_waits();
    /// An edge was removed.
    now_waits_no_longer();
    /// An approval was taken.
    now_approved();
    /// A confirmation was taken.
    now_confirmed();
    /// A rejection was taken.
    now_rejected();
    /// Questions were answered.
    now_answered(stage: Id);
    /// The title is another.
    title_changed();
    /// The description is another.
    now_described();
    /// The description is another, and work on the old one is void.
    described_and_back(stage: Id);
    /// An edit changed nothing.
    says_that_already();
    /// A person sent it back.
    now_sent_back(stage: Id);
    /// A stage was skipped.
    now_skipped(stage: Id, next: Id);
    /// A comment was taken.
    comment_kept();
    /// Title or description is what the issue says at its tracker.
    issue_read();
    /// Its issue is not there any more at its tracker.
    issue_gone(task: Id);
    /// The line begins.
    agent_began(role: Text);
    /// An agent's run is over, and it did its work.
    agent_done(role: Text);
    /// It cannot be known whether what a person set answers a question.
    set_again(task: Id, title: Quote);
    /// No webhook told of what people did at a tracker.
    webhook_silent(tracker: Id);
    /// A person has the branch.
    now_in_hands(id: Id, branch: Id);
    /// It has it already.
    in_hands_already();
    /// A branch that was given back is being looked at.
    looked_at_already();
    /// The branch is back.
    now_given_back();
    /// Money was added.
    budget_raised(scope: Text, amount: Id);
    /// A repository takes nothing.
    now_frozen();
    /// It does again.
    freeze_lifted();

    /// A task that has ended.
    ended_already(position: Text);
    /// An issue of somebody whose issues do not start.
    author_not_listed(reason: Reasons);
    /// A task that is on its way.
    started_already();
    /// Stopping is forbidden here.
    stop_switched_off();
    /// It has ended.
    too_late(position: Text);
    /// A stop is under way.
    stopping_already();
    /// There is no hold to lift.
    nothing_holds_it();
    /// There is a pause.
    paused_already();
    /// There is no pause.
    not_paused();
    /// An edge from a task to itself.
    waits_for_itself();
    /// An edge that closes a circle.
    closes_a_circle(through: Id, last: Id);
    /// A person has the branch.
    branch_in_hands();
    /// A stop is under way.
    being_stopped();
    /// It is delivered.
    landed_already(main: Id, commit: Id);
    /// A landing is under way.
    it_lands();
    /// A deploy is under way.
    it_deploys();
    /// It stands in the line to land.
    in_the_landing_line();
    /// Somebody may not answer.
    not_answered(reason: Reasons);
    /// Somebody may not skip.
    not_skipped(reason: Reasons);
    /// A status that says nothing new.
    status_stood_before();
    /// An answer of another kind.
    no_answer_to_that();
    /// Somebody was earlier.
    answered_already();
    /// The question is gone.
    not_asked_any_more();
    /// There is nothing to approve.
    no_approval_asked();
    /// There is nothing to reject.
    nothing_to_reject();
    /// There is nothing to confirm.
    no_confirmation_asked();
    /// There is nothing to answer.
    no_questions_asked();
    /// It has not begun.
    not_in_a_stage();
    /// There is no earlier stage.
    first_stage(stage: Id);
    /// A stage that does not lie behind.
    stage_not_before(to: Id, here: Id, earlier: Id);
    /// A stage that there is not.
    no_such_stage(to: Id, here: Id, earlier: Id);
    /// It has not begun.
    no_stage_to_skip();
    /// The stage that makes the change.
    never_skipped_build(stage: Id);
    /// A stage of the candidate.
    never_skipped_landing(stage: Id);
    /// A stage of production.
    never_skipped_deploy(stage: Id);
    /// The last stage.
    never_skipped_last(stage: Id);
    /// A stage before a landing of nothing.
    never_skipped_unmade(stage: Id);
    /// A grant is asked for.
    protected_first();
    /// It has not begun.
    no_branch_yet();
    /// There is nothing on the branch.
    no_commit_yet();
    /// Nobody has the branch.
    not_in_hands();
    /// An agent has not ended.
    agent_still_works();
    /// A raise by nothing.
    nothing_added();
    /// No budget is waited for.
    no_budget_asked();
    /// There is a freeze.
    frozen_already(why: Quote);
    /// There is no freeze.
    not_frozen();
    /// What a freeze is there for was not mended.
    cause_stands(names: Text);
    /// A place in a line that a newer release wrote.
    landing_unknown(state: Text);
    /// A row that a newer release wrote.
    left_alone(parts: Text);
    /// A list of people that somebody is not on.
    list_names_others(list: Text, names: Quote, who: Quote);
    /// The same, of somebody who is known.
    list_names_other_people(list: Text, names: Quote, who: Quote, person: Id);
    /// The same, of somebody whom nobody knows.
    nobody_knows_as_one(list: Text, names: Quote, who: Quote, actor: Id);
    /// An actor that is nobody.
    nobody_knows(who: Quote, actor: Id);
    /// An actor that is ours.
    own_account(who: Quote);
    /// An actor whose words are no commands.
    not_a_commander(who: Quote);
    /// A person who may only look.
    viewer(person: Id);

    /// Somebody starts it.
    starts();
    /// It enters its first stage.
    enters(stage: Id);
    /// The lane lets it in.
    may_enter();
    /// An agent is launched.
    run_starts(role: Text, stage: Id, attempt: Number);
    /// A run is over, and what it left is not home.
    run_is_over(role: Text, stage: Id, why: Quote);
    /// A run ended.
    run_ended(role: Text, stage: Id, reason: Reasons);
    /// An end that counts no more.
    run_ended_late(attempt: Number);
    /// What a run left.
    left(commits: Number, documents: Number);
    /// Nothing.
    left_nothing_new();
    /// Nothing that is its role's.
    left_nothing_of_its_own();
    /// Nothing that is taken in.
    left_nothing_to_take();
    /// Nothing is known.
    no_evidence();
    /// It could not be fetched.
    not_brought_home(why: Quote);
    /// What was not its role's to deliver.
    left_out(attempt: Number, what: Quote);
    /// What it leaves to others.
    found_besides(attempt: Number, what: Quote);
    /// What could not be taken in.
    not_taken(attempt: Number, what: Quote);
    /// Its time was over.
    deadline_passed();
    /// It showed no life.
    went_silent();
    /// It was stopped.
    run_stopped();
    /// Its processes are gone.
    run_lost();
    /// Its session is gone, and nothing else.
    session_lost();
    /// Its host is presumed dead.
    run_lost_with(host: Id);
    /// Its processes may live.
    run_lost_alive();
    /// A stage is passed.
    stage_green(stage: Id, next: Id);
    /// The end of the line.
    delivered();
    /// Somebody wants it stopped.
    stop_asked();
    /// It was delivered first.
    stop_too_late();
    /// It was stopped.
    cancelled();
    /// It was stopped at once.
    cancelled_unknown(parts: Text);
    /// Somebody paused it.
    paused();
    /// Somebody froze the repository.
    frozen(why: Quote);
    /// Its priority.
    priority(number: Number);
    /// An edge was added.
    waits_for(task: Id);
    /// An edge was removed.
    waits_no_longer(task: Id);
    /// A circle is open again.
    cycle_open();
    /// What it waited for was called off.
    dependency_cancelled(task: Id);
    /// An approval is asked for.
    ready_for_approval();
    /// A person approved.
    approved(about: Id);
    /// A person confirmed.
    confirmed(about: Id);
    /// A person rejected.
    rejected(why: Quote);
    /// A person answered.
    answered(stage: Id);
    /// An agent asks.
    asks(count: Number);
    /// Nobody answered.
    asked_again(hours: Number);
    /// A grant is asked for.
    protected_touched(paths: Quote);
    /// A grant was refused.
    protected_refused(why: Quote);
    /// A budget is used up.
    budget_too_small(scope: Text);
    /// An edit.
    title_was(title: Quote);
    /// An edit.
    description_changed();
    /// A person sent it back.
    sent_back_by_hand(from: Id, to: Id, why: Quote);
    /// A person skipped a stage.
    skipped(stage: Id, why: Quote);
    /// A review on the forge.
    review_leads_back(stage: Id);
    /// A review on the forge that changes nothing.
    reviewed(word: Text);
    /// The same, about another commit.
    reviewed_older(word: Text, commit: Id);
    /// A person takes the branch.
    takes_branch(branch: Id);
    /// A person gives it back.
    gives_back();
    /// It was looked at.
    line_goes_on();
    /// It could not be published.
    branch_not_moved(why: Quote);
    /// Somebody removed it.
    branch_removed();
    /// A person's commits.
    pushed(head: Id, commits: Number);
    /// The same, in another history.
    pushed_anew(head: Id, commits: Number);
    /// The same, below those of an attempt.
    pushed_meanwhile(head: Id, commits: Number);
    /// The same, in the same lines.
    push_conflicts(head: Id);
    /// A check.
    tests_pass(commit: Id);
    /// A check.
    tests_fail(commit: Id, why: Quote);
    /// A check.
    tests_not_run(commit: Id, why: Quote);
    /// A check, after a red first try.
    tests_flaky(commit: Id, first: Quote);
    /// A check, tried twice.
    tests_fail_twice(commit: Id, why: Quote);
    /// A candidate's tests, after a red first try.
    candidate_flaky(commit: Id, first: Quote);
    /// A candidate's tests, tried twice.
    candidate_fails_twice(commit: Id, why: Quote);
    /// A check that counts no more.
    check_ended_late(check: Id);
    /// Something was given up.
    effect_failed(effect: Text, why: Quote);
    /// Something was given up.
    effect_failed_for_good(effect: Text, why: Quote);
    /// Somebody merged it.
    merged_by_hand(commit: Id);
    /// The same, while it is deployed.
    merged_deploying(commit: Id);
    /// It joins the line.
    asks_to_land();
    /// Its turn.
    candidate_begun();
    /// The base branch moved.
    candidate_anew(base: Id);
    /// It cannot be combined.
    candidate_conflicts(base: Id, main: Id, paths: Quote);
    /// Its settings cannot be read.
    candidate_settings(base: Id, main: Id, faults: Quote);
    /// There is nothing to land.
    contained_already(base: Id, main: Id);
    /// Its tests run.
    candidate_is_tested(commit: Id);
    /// Its tests.
    candidate_passes(commit: Id);
    /// Its tests.
    candidate_fails(commit: Id, why: Quote);
    /// Its tests.
    candidate_not_tested(commit: Id, why: Quote);
    /// Nobody else has to look.
    candidate_green(commit: Id);
    /// It is validated.
    candidate_may_land(commit: Id);
    /// A person is asked.
    waits_for_confirmation(commit: Id);
    /// A landing begins.
    lands(commit: Id);
    /// It has landed.
    main_is(base: Id, commit: Id);
    /// It has not.
    main_moved(base: Id, main: Id);
    /// Nor will it.
    candidate_refused(by: Id, commit: Id, why: Quote);
    /// It is on the base branch.
    landed(commit: Id);
    /// An outcome that counts no more.
    came_late(what: Text);
    /// A repository can be used.
    repository_mended();
    /// It cannot.
    repository_trouble(why: Quote);
    /// Something to know of it is over.
    no_longer_so(what: Quote);
    /// A host was not heard of for too long.
    presumed_dead(attempt: Number, host: Id);
    /// It came back.
    heard_of_again(host: Id, attempt: Number);

    /// Tests are not what keeps it.
    no_test_holds_it();
    /// An agent will deliver something to test.
    agent_works_already();
    /// A check runs.
    tests_run_already();
    /// There is nothing to test.
    no_work_to_test();
    /// A person wants the tests repeated.
    tests_once_more(commit: Id);
    /// The same, as an answer.
    tests_run_again();
    /// They are green.
    red_excused();
    /// There is nothing to repeat.
    tests_green_already();
    /// There is nothing to repeat.
    nothing_tested_yet();
    /// Green tests would not be enough.
    more_than_tests_open();
    /// The lane tries again.
    candidate_once_more();
    /// The same, as an answer.
    candidate_made_again();

    /// What landed is in line for its target.
    deployment_queued(commit: Id, target: Id);
    /// How far it is.
    deployment_is(target: Id, state: Text, why: Quote);
    /// What a stopped task brought to the base branch goes.
    takes_back(commit: Id);
    /// It is gone.
    taken_back(commit: Id);
    /// What does not run is not mended any more.
    mending_given_up();
    /// Tasks that are to mend what a freeze is there for.
    passes_freeze(names: Text);
    /// A person lifts a freeze although nothing has mended that.
    freeze_forced(why: Quote);
    /// Something has.
    freeze_mended(name: Id, commit: Id);
    /// What a freeze is there for runs now.
    runs_now(commit: Id);
}
