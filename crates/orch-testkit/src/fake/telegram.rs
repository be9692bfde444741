//! A Bot API server in memory: chats with messages, updates, and the faults that a test orders. Descriptions of errors
//! are those of the server 10.0.

use std::collections::VecDeque;
use std::io::Write as _;
use std::net::TcpStream;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::receiver::{listen, read};

/// The token that is taken.
pub const TOKEN: &str = "4711:s3cret-token";

/// What goes wrong with one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TelegramFault {
    /// It is refused with this code and description, and these parameters.
    Refused(u16, String, Value),
    /// It is done, and the connection ends without an answer.
    DoneAndCut,
    /// Something else answers: a page.
    Page(u16),
}

/// One message as people see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChatMessage {
    /// Number in its chat.
    pub id: i64,
    /// The chat.
    pub chat: i64,
    /// As it was sent, with tags.
    pub text: String,
    /// It was sent as HTML.
    pub html: bool,
    /// It made no sound.
    pub silent: bool,
    /// In this topic.
    pub topic: Option<i64>,
    /// It answers this message.
    pub answers: Option<i64>,
    /// Text of each button with what a press sends, or its address.
    pub buttons: Vec<(String, String)>,
    /// How often it was edited.
    pub edits: u32,
}

#[derive(Default)]
struct Inside {
    chats: Vec<i64>,
    /// Old number, new number.
    migrated: Option<(i64, i64)>,
    topics_gone: bool,
    messages: Vec<ChatMessage>,
    last_id: i64,
    updates: Vec<Value>,
    answers: Vec<(String, String)>,
    faults: VecDeque<(String, TelegramFault)>,
    calls: Vec<String>,
    /// Nobody is there.
    away: bool,
    /// What the time is, for the limits of a group; none are kept without.
    clock: Option<Arc<dyn Fn() -> Instant + Send + Sync>>,
    written_at: VecDeque<Instant>,
    limited: u32,
}

/// A server on a port of its own.
pub struct FakeTelegram {
    /// `http://127.0.0.1:PORT`.
    pub base: String,
    inside: Arc<(Mutex<Inside>, Condvar)>,
}

impl FakeTelegram {
    /// With a bot of [`TOKEN`] that is in these chats.
    ///
    /// # Errors
    /// When no port can be had.
    pub fn start(chats: &[i64]) -> std::io::Result<Self> {
        let inside = Arc::new((Mutex::new(Inside { chats: chats.to_vec(), ..Inside::default() }), Condvar::new()));
        Ok(Self { base: listen(inside.clone(), serve)?, inside })
    }

    fn with<T>(&self, change: impl FnOnce(&mut Inside) -> T) -> T {
        let done = change(&mut self.inside.0.lock().unwrap_or_else(PoisonError::into_inner));
        self.inside.1.notify_all();
        done
    }

    /// The next call of `method` meets this.
    pub fn fail(&self, method: &str, fault: TelegramFault) {
        self.with(|inside| inside.faults.push_back((method.to_owned(), fault)));
    }

    /// From now on nobody is there, or somebody is again.
    pub fn away(&self, away: bool) {
        self.with(|inside| inside.away = away);
    }

    /// Somebody deletes a message.
    pub fn delete(&self, chat: i64, id: i64) {
        self.with(|inside| inside.messages.retain(|message| (message.chat, message.id) != (chat, id)));
    }

    /// From now on it keeps a group's limits by this clock: one operation a second, twenty a minute.
    pub fn limit_by(&self, clock: impl Fn() -> Instant + Send + Sync + 'static) {
        self.with(|inside| inside.clock = Some(Arc::new(clock)));
    }

    /// How often it said that there were too many.
    pub fn limited(&self) -> u32 {
        self.with(|inside| inside.limited)
    }

    /// The group gets another number, as a supergroup.
    pub fn migrate(&self, old: i64, new: i64) {
        self.with(|inside| {
            inside.migrated = Some((old, new));
            inside.chats.push(new);
        });
    }

    /// Nobody finds a topic any more.
    pub fn delete_topics(&self) {
        self.with(|inside| inside.topics_gone = true);
    }

    /// Somebody presses a button or writes: one update, as the Bot API has it, without its number.
    pub fn update(&self, update: Value) {
        self.with(|inside| {
            let mut update = update;
            update["update_id"] = (1_000 + inside.updates.len()).into();
            inside.updates.push(update);
        });
    }

    /// This account presses the button with this text under the newest message that has one; false if none has.
    pub fn press(&self, account: i64, name: &str, button: &str) -> bool {
        let found = self.messages().into_iter().rev().find_map(|message| {
            let (_, data) = message.buttons.iter().find(|(text, _)| text == button)?.clone();
            Some((message.chat, message.id, data))
        });
        let Some((chat, id, data)) = found else { return false };
        self.press_data(account, name, (chat, id), &data);
        true
    }

    /// This account sends what a button would, under a message.
    pub fn press_data(&self, account: i64, name: &str, (chat, message): (i64, i64), data: &str) {
        let number = self.with(|inside| inside.updates.len());
        self.update(json!({"callback_query": {
            "id": format!("q{number}"), "data": data, "from": person(account, name),
            "message": {"message_id": message, "date": now_s(), "chat": {"id": chat, "type": "supergroup"}},
        }}));
    }

    /// This account writes, as an answer to a message of the bot if one is named.
    pub fn write(&self, account: i64, name: &str, chat: i64, text: &str, answers: Option<i64>) {
        let mut message = json!({
            "message_id": 9_000, "date": now_s(), "from": person(account, name), "chat": {"id": chat}, "text": text,
        });
        if let Some(id) = answers {
            message["reply_to_message"] = json!({"message_id": id, "from": {"id": 4711, "is_bot": true}});
        }
        self.update(json!({"message": message}));
    }

    /// All messages that stand, in all chats.
    pub fn messages(&self) -> Vec<ChatMessage> {
        self.with(|inside| inside.messages.clone())
    }

    /// Answers to presses: the query's id and the text.
    pub fn answers(&self) -> Vec<(String, String)> {
        self.with(|inside| inside.answers.clone())
    }

    /// The methods that were called.
    pub fn calls(&self) -> Vec<String> {
        self.with(|inside| inside.calls.clone())
    }

    /// Waits until `seen` is so, for `patience` at most; whether it is.
    pub fn wait_until(
        &self,
        patience: Duration,
        mut seen: impl FnMut(&[ChatMessage], &[(String, String)]) -> bool,
    ) -> bool {
        let guard = self.inside.0.lock().unwrap_or_else(PoisonError::into_inner);
        let until = |inside: &mut Inside| !seen(&inside.messages, &inside.answers);
        !self.inside.1.wait_timeout_while(guard, patience, until).unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }
}

fn person(account: i64, name: &str) -> Value {
    json!({"id": account, "is_bot": false, "username": name, "first_name": name})
}

fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

fn serve(mut stream: TcpStream, shared: &(Mutex<Inside>, Condvar)) {
    let Some(told) = stream.try_clone().ok().and_then(read) else { return };
    let path = told.line.trim_start_matches("POST ").to_owned();
    let body: Value = serde_json::from_str(&told.body).unwrap_or_default();
    let (status, text) = match path.strip_prefix(&format!("/bot{TOKEN}/")) {
        None => refused(401, "Unauthorized", Value::Null),
        Some(method) => match answer(method, &body, shared) {
            Some(answer) => answer,
            None => return,
        },
    };
    let head = format!("HTTP/1.1 {status} so\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", text.len());
    // Who asked may have gone.
    let _gone = stream.write_all(format!("{head}{text}").as_bytes());
}

fn refused(code: u16, description: &str, parameters: Value) -> (u16, String) {
    let mut answer = json!({"ok": false, "error_code": code, "description": description});
    if !parameters.is_null() {
        answer["parameters"] = parameters;
    }
    (code, answer.to_string())
}

fn answer(method: &str, body: &Value, shared: &(Mutex<Inside>, Condvar)) -> Option<(u16, String)> {
    let mut inside = shared.0.lock().unwrap_or_else(PoisonError::into_inner);
    inside.calls.push(method.to_owned());
    shared.1.notify_all();
    let ordered = inside.faults.iter().position(|(wanted, _)| wanted == method);
    let fault = ordered.and_then(|at| inside.faults.remove(at)).map(|(_, fault)| fault);
    if inside.away {
        return Some((503, "<html>nobody is there</html>".to_owned()));
    }
    if let Some(limited) = inside.too_many(method) {
        return Some(limited);
    }
    match fault {
        Some(TelegramFault::Refused(code, description, parameters)) => {
            return Some(refused(code, &description, parameters));
        }
        Some(TelegramFault::Page(status)) => return Some((status, "<html>a gateway</html>".to_owned())),
        Some(TelegramFault::DoneAndCut) | None => {}
    }
    if method == "getUpdates" {
        let offset = body["offset"].as_i64().unwrap_or(0);
        let patience = Duration::from_secs(body["timeout"].as_u64().unwrap_or(0));
        let due = |inside: &Inside| -> Vec<Value> {
            inside.updates.iter().filter(|update| update["update_id"].as_i64() >= Some(offset)).cloned().collect()
        };
        let waited = shared.1.wait_timeout_while(inside, patience, |inside| due(inside).is_empty());
        let inside = waited.unwrap_or_else(PoisonError::into_inner).0;
        return Some((200, json!({"ok": true, "result": due(&inside)}).to_string()));
    }
    let done = inside.perform(method, body);
    shared.1.notify_all();
    if fault == Some(TelegramFault::DoneAndCut) {
        return None;
    }
    Some(match done {
        Ok(result) => (200, json!({"ok": true, "result": result}).to_string()),
        Err(answer) => answer,
    })
}

impl Inside {
    /// Messages, edits and deletions share a group's limits.
    fn too_many(&mut self, method: &str) -> Option<(u16, String)> {
        const MINUTE: Duration = Duration::from_secs(60);
        let now = self.clock.as_ref().filter(|_| method.contains("Message"))?();
        while self.written_at.front().is_some_and(|first| now.saturating_duration_since(*first) >= MINUTE) {
            self.written_at.pop_front();
        }
        let close = self.written_at.back().is_some_and(|last| now.saturating_duration_since(*last).as_millis() < 1_000);
        if close || self.written_at.len() >= 20 {
            self.limited += 1;
            return Some(refused(429, "Too Many Requests: retry after 30", json!({"retry_after": 30})));
        }
        self.written_at.push_back(now);
        None
    }

    fn perform(&mut self, method: &str, body: &Value) -> Result<Value, (u16, String)> {
        let bad = |description: &str| refused(400, &format!("Bad Request: {description}"), Value::Null);
        match method {
            "getMe" => return Ok(json!({"id": 4711, "is_bot": true, "first_name": "Line", "username": "line_bot"})),
            "answerCallbackQuery" => {
                let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
                self.answers.push((text("callback_query_id"), text("text")));
                return Ok(Value::Bool(true));
            }
            _ => {}
        }
        let chat = body["chat_id"].as_i64().ok_or_else(|| bad("chat_id is empty"))?;
        if let Some((_, new)) = self.migrated.filter(|(old, _)| *old == chat) {
            let description = "Bad Request: group chat was upgraded to a supergroup chat";
            return Err(refused(400, description, json!({"migrate_to_chat_id": new})));
        }
        if !self.chats.contains(&chat) {
            return Err(bad("chat not found"));
        }
        if method == "getChat" {
            return Ok(json!({"id": chat, "type": "group", "title": "The line"}));
        }
        let number = body["message_id"].as_i64();
        let at = self.messages.iter().position(|known| known.chat == chat && Some(known.id) == number);
        if method == "deleteMessage" {
            self.messages.remove(at.ok_or_else(|| bad("message to delete not found"))?);
            return Ok(Value::Bool(true));
        }
        if method == "editMessageReplyMarkup" {
            let known = at.and_then(|at| self.messages.get_mut(at)).ok_or_else(|| bad("message to edit not found"))?;
            known.buttons = buttons(&body["reply_markup"]["inline_keyboard"]);
            return Ok(Value::Bool(true));
        }
        let text = body["text"].as_str().unwrap_or_default().trim().to_owned();
        let html = body["parse_mode"] == "HTML";
        if text.is_empty() {
            return Err(bad("message text is empty"));
        }
        if html {
            well_formed(&text).map_err(|why| bad(&format!("can't parse entities: {why}")))?;
        }
        let message = ChatMessage {
            id: number.unwrap_or(self.last_id + 1),
            chat,
            text,
            html,
            silent: body["disable_notification"] == true,
            topic: body["message_thread_id"].as_i64(),
            answers: body["reply_parameters"]["message_id"].as_i64(),
            buttons: buttons(&body["reply_markup"]["inline_keyboard"]),
            edits: 0,
        };
        if message.topic.is_some() && self.topics_gone {
            return Err(bad("message thread not found"));
        }
        match method {
            "sendMessage" => {
                self.last_id += 1;
                self.messages.push(message.clone());
                Ok(json!({"message_id": message.id, "chat": {"id": chat}, "text": message.text}))
            }
            "editMessageText" => {
                let known =
                    at.and_then(|at| self.messages.get_mut(at)).ok_or_else(|| bad("message to edit not found"))?;
                if (&known.text, &known.buttons) == (&message.text, &message.buttons) {
                    return Err(bad("message is not modified: specified new message content and reply markup are \
                                    exactly the same as a current content and reply markup of the message"));
                }
                (known.text, known.html, known.buttons) = (message.text, html, message.buttons);
                known.edits += 1;
                Ok(json!({"message_id": known.id, "chat": {"id": chat}, "text": known.text}))
            }
            _ => Err(refused(404, "Not Found", Value::Null)),
        }
    }
}

fn buttons(rows: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let one = |button: &Value| {
        let what = if button["url"].is_string() { &button["url"] } else { &button["callback_data"] };
        (text(&button["text"]), text(what))
    };
    rows.as_array().into_iter().flatten().filter_map(Value::as_array).flatten().map(one).collect()
}

/// Tags as the server takes them: known ones, closed in order, and no `<` beside them.
fn well_formed(text: &str) -> Result<(), String> {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        let (tag, behind) = rest[at + 1..].split_once('>').ok_or("Unclosed start tag")?;
        rest = behind;
        if let Some(name) = tag.strip_prefix('/') {
            if open.pop() != Some(name) {
                return Err(format!("Unexpected end tag \"{name}\""));
            }
            continue;
        }
        let name = tag.split(' ').next().unwrap_or_default();
        if !["b", "i", "a", "code", "blockquote"].contains(&name) {
            return Err(format!("Unsupported start tag \"{name}\""));
        }
        open.push(name);
    }
    if open.is_empty() { Ok(()) } else { Err("Can't find end tag".to_owned()) }
}
