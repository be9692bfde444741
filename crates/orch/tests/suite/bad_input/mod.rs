//! What `orch` says to bad input: the rows of `table.toml`, each a test on the real program.

mod run;
mod snapshot;

use serde::Deserialize;

/// A row; the head of the table says what each field means.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    case: String,
    #[serde(default)]
    setup: String,
    #[serde(default)]
    folder: Option<String>,
    command: String,
    #[serde(default)]
    with: Option<With>,
    #[serde(default)]
    until: Option<String>,
    exit: i32,
    #[serde(default)]
    stderr: Vec<String>,
    #[serde(default)]
    stdout: Vec<String>,
    #[serde(default)]
    lacks: Vec<String>,
    #[serde(default)]
    changed: Vec<String>,
    #[serde(default)]
    ignore: Vec<String>,
    #[serde(default)]
    then: String,
    #[serde(default)]
    prints: String,
}

/// What runs beside the command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum With {
    /// Something else listens on a port.
    Port,
    /// The service runs on the same data.
    Service,
}

fn table() -> Vec<Row> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Table {
        row: Vec<Row>,
    }
    toml::from_str::<Table>(include_str!("table.toml")).expect("table.toml").row
}

macro_rules! rows {
    ($($case:ident)*) => {
        const CASES: &[&str] = &[$(stringify!($case)),*];
        $(#[test] fn $case() { run::row(stringify!($case)); })*
    };
}

rows! {
    not_a_repository
    no_such_folder
    no_commit
    no_main
    another_name_than_main
    a_base_called_as_the_tasks_branches
    base_that_is_no_branch_name
    bare_repository
    shallow_clone
    no_user_name
    no_user_name_without_yes
    submodules
    lfs_pointers
    dirty_tree_init
    dirty_tree_up
    another_branch
    another_branch_of_a_ready_repository
    variables_that_git_sets_for_its_hooks
    output_that_has_no_room
    a_hook_that_refuses
    an_agent_that_is_not_there
    a_remote_of_the_lines_name
    no_test_command
    empty_test_command
    init_twice
    init_twice_without_commit
    an_id_that_is_taken
    an_id_that_would_change
    bad_arguments_all_at_once
    unknown_option
    host_file_with_many_problems
    host_file_that_is_no_toml
    host_file_that_is_no_text
    host_file_with_an_inline_list
    repository_file_with_many_problems
    settings_problems_as_json
    pipeline_with_a_dead_end
    pipeline_with_an_uncapped_loop
    pipeline_with_two_landings
    pipeline_with_several_problems
    pipeline_file_that_is_missing
    pipeline_of_an_unknown_variant
    pipeline_of_a_variant_without_a_file
    pipeline_of_an_unknown_repository
    port_in_use
    a_port_that_is_none
    second_up_on_the_same_data
    up_without_a_repository
    empty_title
    title_of_control_characters_only
    enormous_title
    right_to_left_title
    title_with_control_characters
    title_that_is_too_short
    a_pipeline_that_is_unknown
    an_issue_of_somebody_who_is_not_listed
    a_description_that_is_missing
    a_description_that_is_no_text
    usage_as_json
    pause_of_nothing
    a_command_of_another_tool
    a_setting_without_its_section
    money_that_is_taken_away
    a_priority_that_is_no_number
    a_task_that_is_unknown
    an_id_that_is_none
    a_repository_that_is_unknown
    approval_of_what_asks_for_none
    confirmation_of_what_asks_for_none
    an_answer_that_nobody_asked_for
    an_answer_without_words
    an_answer_to_a_question_of_before
    an_edit_of_nothing
    an_edit_to_no_title
    a_stage_that_is_not_before
    a_skip_without_a_reason
    a_skip_in_the_backlog
    hands_off_without_a_branch
    giving_back_what_nobody_took
    a_comment_without_words
    a_second_freeze
    everything_and_a_repository
    one_of_two_repositories
    the_repository_one_stands_in
    following_without_a_service
    a_backup_over_a_file
    a_backup_into_nowhere
    a_restore_of_what_is_no_backup
    a_state_folder_that_is_relative
    a_database_that_is_none
    a_service_file_that_is_broken
    a_service_file_that_outlived_its_service
    a_repository_that_was_moved
    an_address_of_another_machine
    settings_that_the_line_does_not_see
    a_message_that_is_not_there
    a_message_without_a_number
}

#[test]
fn the_table_and_the_tests_agree() {
    let rows: Vec<String> = table().into_iter().map(|row| row.case).collect();
    assert_eq!(rows, CASES);
}

#[test]
fn every_row_that_fails_says_why() {
    for row in table().iter().filter(|row| row.exit != 0) {
        assert!(!row.stderr.is_empty(), "{}", row.case);
        assert!(row.exit == 1 || row.changed.is_empty(), "{}: a refusal changes nothing", row.case);
    }
}
