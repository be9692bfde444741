//! What a request to a model asks for, besides an answer. A vendor can be asked to fetch addresses, to run tools and servers
//! of its own, to work on when nobody listens, or to work at another price: ways out of a run, and ways to spend, that
//! no list of this host names. They are refused unless the host's settings allow them.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::config::Wire;

/// Text of a value that is kept; more of it decides nothing here.
const KEPT: usize = 200;
/// Names and nested parts that one request may have: more are no conversation, and reading them takes memory.
const MOST_PARTS: u32 = 1_000_000;
/// Members that decide something; others are only read over.
const DECIDE: &[&str] = &[
    "background",
    "container",
    "content",
    "file_url",
    "image_url",
    "inference_geo",
    "input",
    "instructions",
    "max_output_tokens",
    "max_tokens",
    "mcp_servers",
    "messages",
    "model",
    "output",
    "prompt",
    "service_tier",
    "source",
    "speed",
    "system",
    "tools",
    "type",
];
/// Output that is counted for an answer whose request named no most, if the vendor does not tell it: as much as the largest
/// models write.
const MOST_UNNAMED: u64 = 128_000;

/// What a request asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked {
    /// The model it names.
    pub model: Option<String>,
    /// The most output it asks for.
    pub most_output: u64,
    /// At most so much input; tokens are never shorter than a byte.
    pub most_input: u64,
}

/// Reads a request.
///
/// # Errors
/// Why it is not sent on, in words: it is no JSON object that every reader reads alike, or asks for what only the settings
/// can allow (`allowed`: they do).
pub fn read(wire: Wire, body: &[u8], allowed: bool) -> Result<Asked, String> {
    let wrong = |e| format!("the request is no JSON that every reader reads alike: {e}");
    let left = Cell::new(MOST_PARTS);
    let mut reader = serde_json::Deserializer::from_slice(body);
    let node = Reader(&left).deserialize(&mut reader).map_err(wrong)?;
    reader.end().map_err(wrong)?;
    let Node::Object(members) = &node else { return Err("the request is no JSON object".to_owned()) };
    if !allowed && let Some(what) = beyond(wire, members) {
        return Err(format!(
            "the request asks the vendor for {what}, which leaves this run; models.<name>.vendor_tools = true in the host \
             file allows it"
        ));
    }
    let most = ["max_tokens", "max_output_tokens"].into_iter().find_map(|name| get(members, name).and_then(number));
    let Some(Node::Text(model)) = get(members, "model") else {
        return Ok(asked(None, most, body));
    };
    Ok(asked(Some(model.clone()), most, body))
}

fn asked(model: Option<String>, most: Option<u64>, body: &[u8]) -> Asked {
    Asked { model, most_output: most.unwrap_or(MOST_UNNAMED), most_input: body.len() as u64 / 2 }
}

/// The first thing that goes beyond an answer.
fn beyond(wire: Wire, members: &[(String, Node)]) -> Option<String> {
    let top = members.iter().find_map(|(name, value)| {
        let text = if let Node::Text(text) = value { text.as_str() } else { "" };
        let plain = match name.as_str() {
            "mcp_servers" | "container" | "prompt" => value.is_nothing(),
            "background" => matches!(value, Node::Nothing | Node::Truth(false)),
            "service_tier" => value.is_nothing() || matches!(text, "auto" | "default" | "standard" | "standard_only"),
            "speed" => value.is_nothing() || text == "standard",
            "inference_geo" => value.is_nothing() || matches!(text, "global" | "not_available"),
            _ => true,
        };
        (!plain).then(|| format!("`{name}`"))
    });
    top.or_else(|| tools(wire, get(members, "tools")?)).or_else(|| addresses(wire, members))
}

/// A tool that is carried out at the vendor, not in the run.
fn tools(wire: Wire, node: &Node) -> Option<String> {
    let Node::List(list) = node else { return None };
    list.iter().find_map(|tool| {
        let Node::Object(tool) = tool else { return None };
        let kind = match get(tool, "type") {
            None | Some(Node::Nothing) => "custom",
            Some(Node::Text(kind)) => kind.as_str(),
            Some(_) => return Some("a tool without a type".to_owned()),
        };
        let in_the_run = match wire {
            Wire::AnthropicMessages => {
                kind == "custom"
                    || ["bash_", "text_editor_", "computer_", "memory_", "tool_search_tool_"]
                        .iter()
                        .any(|own| kind.starts_with(own))
            }
            Wire::OpenAiResponses => {
                ["function", "custom", "local_shell", "apply_patch", "namespace", "tool_search"].contains(&kind)
            }
        };
        if in_the_run { tools(wire, get(tool, "tools")?) } else { Some(format!("its tool `{kind}`")) }
    })
}

/// An address that the vendor would fetch. What the model said and what tools were given as arguments is text of theirs
/// and looked over.
fn addresses(wire: Wire, members: &[(String, Node)]) -> Option<String> {
    let own = ["system", "messages", "input", "instructions"];
    members.iter().filter(|(name, _)| own.contains(&name.as_str())).find_map(|(_, node)| address(wire, node))
}

fn address(wire: Wire, node: &Node) -> Option<String> {
    match node {
        Node::List(list) => list.iter().find_map(|node| address(wire, node)),
        Node::Object(block) => {
            let text = |name: &str| if let Some(Node::Text(text)) = get(block, name) { text.as_str() } else { "" };
            let kind = text("type");
            if let Some(Node::Object(source)) = get(block, "source")
                && matches!(get(source, "type"), Some(Node::Text(kind)) if kind == "url")
            {
                return Some(format!("an address to fetch (`{kind}`)"));
            }
            let fetched = |name: &str| match get(block, name) {
                None | Some(Node::Nothing) => false,
                Some(Node::Text(address)) => !address.trim_start().starts_with("data:"),
                Some(_) => true,
            };
            if wire == Wire::OpenAiResponses && (fetched("image_url") || fetched("file_url")) {
                return Some(format!("an address to fetch (`{kind}`)"));
            }
            let below = ["content", "output", "source"].into_iter().filter_map(|name| get(block, name));
            below.filter(|_| kind != "tool_use").find_map(|node| address(wire, node))
        }
        _ => None,
    }
}

fn get<'n>(members: &'n [(String, Node)], name: &str) -> Option<&'n Node> {
    members.iter().find(|(member, _)| member == name).map(|(_, value)| value)
}

fn number(node: &Node) -> Option<u64> {
    if let Node::Number(number) = node { Some(*number) } else { None }
}

/// JSON, as far as it decides something: long texts are cut, and a name that comes twice in an object is an error, for two
/// readers may take different ones.
enum Node {
    Nothing,
    Truth(bool),
    Number(u64),
    /// A number that is no unsigned one.
    Odd,
    Text(String),
    List(Vec<Node>),
    Object(Vec<(String, Node)>),
}

impl Node {
    fn is_nothing(&self) -> bool {
        match self {
            Self::Nothing => true,
            Self::List(list) => list.is_empty(),
            _ => false,
        }
    }
}

/// Reads one value; so many parts are left to the whole.
#[derive(Clone, Copy)]
struct Reader<'c>(&'c Cell<u32>);

impl Reader<'_> {
    fn part<E: Error>(self) -> Result<(), E> {
        self.0.set(self.0.get().checked_sub(1).ok_or_else(|| E::custom("it has too many parts"))?);
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Reader<'_> {
    type Value = Node;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reader<'_> {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }
    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Nothing)
    }
    fn visit_bool<E>(self, truth: bool) -> Result<Node, E> {
        Ok(Node::Truth(truth))
    }
    fn visit_u64<E>(self, number: u64) -> Result<Node, E> {
        Ok(Node::Number(number))
    }
    fn visit_i64<E>(self, _: i64) -> Result<Node, E> {
        Ok(Node::Odd)
    }
    fn visit_f64<E>(self, _: f64) -> Result<Node, E> {
        Ok(Node::Odd)
    }
    fn visit_str<E>(self, text: &str) -> Result<Node, E> {
        Ok(Node::Text(text[..text.floor_char_boundary(KEPT)].to_owned()))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(self)? {
            if matches!(&item, Node::List(list) if !list.is_empty()) || matches!(item, Node::Object(_)) {
                self.part()?;
                list.push(item);
            }
        }
        Ok(Node::List(list))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Node, A::Error> {
        let mut members = Vec::new();
        let mut names = std::collections::HashSet::new();
        while let Some(name) = entries.next_key::<String>()? {
            if !names.insert(name.clone()) {
                return Err(A::Error::custom("a name comes twice"));
            }
            self.part()?;
            let value = entries.next_value_seed(self)?;
            if DECIDE.contains(&name.as_str()) {
                members.push((name, value));
            }
        }
        Ok(Node::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Wire = Wire::AnthropicMessages;
    const O: Wire = Wire::OpenAiResponses;

    #[test]
    fn what_leaves_the_run_is_refused() {
        for (wire, body) in [
            (A, r#"{"mcp_servers":[{"type":"url","url":"https://evil.example"}]}"#),
            (A, r#"{"mcp\u005fservers":[{"type":"url"}]}"#),
            (A, r#"{"tools":[{"type":"web_search_20250305","name":"web_search"}]}"#),
            (A, r#"{"tools":[{"name":"x"},{"type":"web_fetch_20250910","name":"f"}]}"#),
            (A, r#"{"tools":[{"type":"code_execution_20250825","name":"c"}]}"#),
            (A, r#"{"tools":[{"type":"mcp_toolset"}]}"#),
            (A, r#"{"tools":[{"type":7}]}"#),
            (
                A,
                r#"{"messages":[{"role":"user","content":[{"type":"image","source":{"type":"url","url":"https://x"}}]}]}"#,
            ),
            (A, r#"{"messages":[{"content":[{"source":{"url":"x","type":"url"},"type":"document"}]}]}"#),
            (
                A,
                r#"{"messages":[{"content":[{"type":"tool_result","content":[{"type":"image","source":{"type":"url"}}]}]}]}"#,
            ),
            (A, r#"{"system":[{"type":"document","source":{"type":"url"}}]}"#),
            (
                A,
                r#"{"messages":[{"content":[{"type":"document","source":{"type":"content","content":[{"type":"image","source":{"type":"url"}}]}}]}]}"#,
            ),
            (A, r#"{"speed":"fast"}"#),
            (A, r#"{"service_tier":"priority"}"#),
            (A, r#"{"inference_geo":"us"}"#),
            (A, r#"{"container":"c_1"}"#),
            (O, r#"{"background":true}"#),
            (O, r#"{"background":"true"}"#),
            (O, r#"{"service_tier":"flex"}"#),
            (O, r#"{"prompt":{"id":"pmpt_1"}}"#),
            (O, r#"{"tools":[{"type":"web_search"}]}"#),
            (O, r#"{"tools":[{"type":"mcp","server_url":"https://x"}]}"#),
            (O, r#"{"tools":[{"type":"namespace","tools":[{"type":"image_generation"}]}]}"#),
            (O, r#"{"input":[{"role":"user","content":[{"type":"input_image","image_url":"https://x"}]}]}"#),
            (
                O,
                r#"{"input":[{"type":"function_call_output","output":[{"type":"input_image","image_url":"http://x"}]}]}"#,
            ),
            (O, r#"{"input":[{"content":[{"type":"input_file","file_url":"https://x"}]}]}"#),
        ] {
            let words = read(wire, body.as_bytes(), false).unwrap_err();
            assert!(words.contains("vendor_tools"), "{body}: {words}");
            assert!(read(wire, body.as_bytes(), true).is_ok(), "{body}");
        }
    }

    #[test]
    fn what_readers_would_read_differently_is_refused_in_any_case() {
        for body in [r#"{"a":1,"a":2}"#, r#"{"x":[{"tools":[],"tools":[1]}]}"#, "", "[]", "{", "{} x", "\"text\""] {
            assert!(read(A, body.as_bytes(), true).is_err(), "{body}");
        }
    }

    #[test]
    fn an_ordinary_request_is_read() {
        let body = br#"{"model":"claude-x","max_tokens":32000,"stream":true,"service_tier":"auto","mcp_servers":[],
            "tools":[{"name":"Read","input_schema":{"properties":{"image_url":{"type":"url"}}}},{"type":"bash_20250124","name":"bash"}],
            "messages":[{"role":"user","content":[{"type":"image","source":{"type":"base64","data":"AAAA"}}]},
                        {"role":"assistant","content":[{"type":"tool_use","input":{"source":{"type":"url","url":"https://docs.rs"}}}]}]}"#;
        let asked = read(A, body, false).unwrap();
        assert_eq!((asked.model.as_deref(), asked.most_output), (Some("claude-x"), 32_000));
        let body = br#"{"model":"m","background":false,"tools":[{"type":"function","name":"f","parameters":{}}],
            "input":[{"type":"function_call","arguments":"{\"image_url\":\"https://x\"}"},
                     {"role":"user","content":[{"type":"input_image","image_url":"data:image/png;base64,AA"}]}]}"#;
        assert_eq!(read(O, body, false).unwrap().most_output, MOST_UNNAMED);
    }
}
