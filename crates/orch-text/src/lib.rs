//! What people read, in English and Russian: sentences made from the facts and typed reasons of the rules.
//!
//! Texts are Fluent messages (`texts/*.ftl`) under the same ids with the same variables in every language. This crate
//! knows no terminal and no HTML: it gives plain sentences, and apart from them the commands that help, which a page
//! with buttons leaves out.

#![deny(missing_docs)]

mod alert;
mod asked;
mod card;
mod card_figures;
mod catalogue;
mod chat;
mod deployment;
mod language;
mod notice;
mod outage;
mod page;
mod reason;
mod sentence;
mod time;
mod tracker;
mod wait;
mod word;

pub use alert::{Alert, AlertMark};
pub use asked::asked;
pub use card::{Card, CardFacts, CardMark, CardStage};
pub use chat::{ChatText, button};
pub use deployment::deployment_state;
pub use language::Language;
pub use notice::NoticeText;
pub use outage::lift;
pub use page::page;
pub use reason::{answer, reason};
pub use sentence::Sentence;
pub use time::rfc3339;
pub use tracker::comment as tracker_comment;
pub use wait::{Subject, unknown, wait};
pub use word::{WordList, is_known, word};
