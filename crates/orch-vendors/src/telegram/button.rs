//! Buttons: what a press sends back, at most 64 bytes that nobody else can make.

use hmac::{Hmac, KeyInit, Mac};
use orch_ports::chat::{Verb, held};
use orch_rules::ids::WorkItemId;
use orch_rules::notice::{Notice, NoticeKind};
use orch_text::{Language, button};
use serde_json::{Value, json};
use sha2::Sha256;

/// Of the form; another release may have another.
const FORM: &str = "1";
/// Bytes of a proof: 80 bits.
const PROOF: usize = 10;

/// Proves that we made a button: in this chat, of this kind, about this question.
pub(super) fn proof(token: &str, chat: &str, verb: Verb, subject: &str) -> String {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(token.as_bytes()) else { return String::new() };
    // Lengths keep the parts apart.
    for part in ["orchestrion button", chat, verb.family().name(), subject] {
        mac.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
        mac.update(part.as_bytes());
    }
    mac.finalize().into_bytes().iter().take(PROOF).map(|byte| format!("{byte:02x}")).collect()
}

/// What a press sends.
pub(super) fn data(verb: Verb, work_item: &WorkItemId, proof: &str) -> String {
    format!("{FORM}.{}.{work_item}.{proof}", verb.name())
}

/// Reads it back; `None` for what is not ours.
pub(super) fn read(data: &str) -> Option<(Verb, WorkItemId, String)> {
    let mut parts = data.split('.');
    let (form, verb, work_item, proof) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let verb = Verb::ALL.into_iter().find(|known| known.name() == verb)?;
    (form == FORM && parts.next().is_none()).then(|| (verb, WorkItemId(work_item.to_owned()), proof.to_owned()))
}

/// What a notice is about as buttons know it, and its buttons; none for what no button answers.
pub(super) fn of_notice(notice: &Notice) -> Option<(String, &'static [Verb])> {
    let episode = notice.episode.as_ref().map(|episode| episode.as_str().to_owned());
    match (&notice.kind, notice.text.code()) {
        (NoticeKind::Held, _) => Some((held(notice.task.as_ref()?, &notice.text), &[Verb::Retry])),
        (NoticeKind::Asked, "asks_approval" | "asks_protected") => Some((episode?, &[Verb::Approve, Verb::Reject])),
        (NoticeKind::Asked, "asks_questions") => Some((episode?, &[Verb::Answer])),
        (NoticeKind::Asked, "asks_confirmation" | "asks_deployment" | "asks_irreversible") => {
            Some((episode?, &[Verb::Deploy]))
        }
        (NoticeKind::Asked, "asks_budget") => Some((episode?, &[Verb::RaiseBy5, Verb::RaiseBy20])),
        _ => None,
    }
}

/// One row of buttons.
pub(super) fn keyboard(verbs: &[Verb], work_item: &WorkItemId, proof: &str, language: Language) -> Value {
    let one =
        |verb: &Verb| json!({ "text": button(verb.name(), language), "callback_data": data(*verb, work_item, proof) });
    let row: Vec<Value> = verbs.iter().map(one).collect();
    json!({ "inline_keyboard": if row.is_empty() { vec![] } else { vec![row] } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_press_is_read_back_and_fits() {
        let work_item = WorkItemId("ABCDEFGHIJ-1234567".to_owned());
        for verb in Verb::ALL {
            let proof = proof("4711:s3cret", "-100", verb, "0197-1-1");
            let text = data(verb, &work_item, &proof);
            assert!(text.len() <= 64, "{text}");
            assert_eq!(read(&text), Some((verb, work_item.clone(), proof)));
        }
        for other in ["", "1.approve", "2.approve.SHOP-1.00", "1.mood.SHOP-1.00", "1.approve.SHOP-1.00.x"] {
            assert_eq!(read(other), None, "{other}");
        }
    }

    #[test]
    fn a_proof_is_of_one_chat_one_question_one_kind_and_one_bot() {
        let of = |token, chat, verb, subject| proof(token, chat, verb, subject);
        let ours = of("t", "-1", Verb::Approve, "e1");
        assert_eq!(ours, of("t", "-1", Verb::Reject, "e1"), "both answer it");
        for other in [
            of("u", "-1", Verb::Approve, "e1"),
            of("t", "-2", Verb::Approve, "e1"),
            of("t", "-1", Verb::Approve, "e2"),
            of("t", "-1", Verb::Deploy, "e1"),
            of("t", "-1e", Verb::Approve, "1"),
        ] {
            assert_ne!(ours, other);
        }
    }
}
