//! Requests to the run's model that ask the vendor for more than an answer: ways out of a run that no list of hosts names. None
//! of them leaves this machine.

use super::{PLAIN, Row};

/// A request whose body is what stands before `};`, asked with the run's key. Printed is the status.
macro_rules! asks {
    ($name:literal, $body:literal) => {
        asks!($name, $body, "400")
    };
    ($name:literal, $body:literal, $status:literal) => {
        Row {
            name: $name,
            attack: concat!(
                r#"my ($host, $port, $key) = proxy(); my $body = q{"#,
                $body,
                r#"};
                try 'asked', sub { ask("POST /v1/messages HTTP/1.1\r\nHost: x\r\nx-api-key: $key\r\nContent-Type: application/json\r\n"
                    . "Connection: close\r\nContent-Length: " . length($body) . "\r\n\r\n$body") };"#
            ),
            l3: $status,
            l2_open: $status,
            ..PLAIN
        }
    };
}

pub const ROWS: &[Row] = &[
    asks!(
        "the vendor is to search the web",
        r#"{"model":"m","max_tokens":1,"tools":[{"type":"web_search_20250305","name":"web_search"}]}"#
    ),
    asks!(
        "the vendor is to fetch a page",
        r#"{"model":"m","max_tokens":1,"tools":[{"type":"web_fetch_20250910","name":"web_fetch"}]}"#
    ),
    asks!(
        "the vendor is to run code",
        r#"{"model":"m","max_tokens":1,"tools":[{"type":"code_execution_20250825","name":"code"}]}"#
    ),
    asks!(
        "a tool that nobody knows yet is to run at the vendor",
        r#"{"model":"m","max_tokens":1,"tools":[{"type":"teleport_20270101","name":"t"}]}"#
    ),
    asks!(
        "a tool is hidden behind harmless ones",
        r#"{"model":"m","max_tokens":1,"tools":[{"name":"a","input_schema":{}},{"type":"bash_20250124","name":"bash"},{"type":"web_search_20250305","name":"b"}]}"#
    ),
    asks!(
        "a tool's type is no text",
        r#"{"model":"m","max_tokens":1,"tools":[{"type":["web_search_20250305"],"name":"b"}]}"#
    ),
    asks!(
        "a tool is spelled with escapes",
        r#"{"model":"m","max_tokens":1,"t\u006fols":[{"t\u0079pe":"web\u005fsearch_20250305","name":"b"}]}"#
    ),
    asks!(
        "the vendor is to speak to a server",
        r#"{"model":"m","max_tokens":1,"mcp_servers":[{"type":"url","url":"https://evil.example/","name":"e"}]}"#
    ),
    asks!(
        "the vendor is to lend a container",
        r#"{"model":"m","max_tokens":1,"container":{"skills":[{"type":"custom","skill_id":"x"}]}}"#
    ),
    asks!(
        "the vendor is to fetch an image",
        r#"{"model":"m","max_tokens":1,"messages":[{"role":"user","content":[{"type":"image","source":{"type":"url","url":"https://evil.example/?leak"}}]}]}"#
    ),
    asks!(
        "the vendor is to fetch a document",
        r#"{"model":"m","max_tokens":1,"messages":[{"role":"user","content":[{"type":"document","source":{"type":"url","url":"https://evil.example/?leak"}}]}]}"#
    ),
    asks!(
        "an address stands in what a tool gave",
        r#"{"model":"m","max_tokens":1,"messages":[{"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":[{"type":"image","source":{"type":"url","url":"https://evil.example/?leak"}}]}]}]}"#
    ),
    asks!(
        "an address stands inside of a document",
        r#"{"model":"m","max_tokens":1,"messages":[{"role":"user","content":[{"type":"document","source":{"type":"content","content":[{"type":"image","source":{"type":"url","url":"https://evil.example/"}}]}}]}]}"#
    ),
    asks!(
        "an address stands in the system prompt",
        r#"{"model":"m","max_tokens":1,"system":[{"type":"document","source":{"type":"url","url":"https://evil.example/"}}]}"#
    ),
    asks!("a dearer tier is asked for", r#"{"model":"m","max_tokens":1,"service_tier":"priority"}"#),
    asks!("a dearer speed is asked for", r#"{"model":"m","max_tokens":1,"speed":"fast"}"#),
    asks!("a dearer place is asked for", r#"{"model":"m","max_tokens":1,"inference_geo":"us"}"#),
    asks!("the vendor is to work on when nobody listens", r#"{"model":"m","max_tokens":1,"background":true}"#),
    asks!(
        "two readers would read two requests: a name twice",
        r#"{"model":"m","max_tokens":1,"tools":[],"tools":[{"type":"web_fetch_20250910","name":"w"}]}"#
    ),
    asks!(
        "two readers would read two requests: something after the end",
        r#"{"model":"m","max_tokens":1}{"mcp_servers":[{}]}"#
    ),
    asks!("the request is a list", r#"[{"model":"m","max_tokens":1}]"#),
    asks!("the request is no JSON", r#"model=m&tools=web_fetch"#),
    // Work in heaps goes on for a day without the run; files, keys and organizations are no conversation.
    Row {
        name: "other doors of the vendor are knocked at",
        attack: r#"my ($host, $port, $key) = proxy(); my $with = "Host: x\r\nx-api-key: $key\r\nConnection: close\r\n";
            for my $path ('/v1/messages/batches', '/v1/files', '/v1/skills', '/v1/organizations/api_keys', '/v1/complete',
                '/v1/environments', '/v1/sessions', '/v1//messages', '/V1/messages', '/v1/messages/') {
                try $path, sub { ask("POST $path HTTP/1.1\r\n${with}Content-Length: 2\r\n\r\n{}") };
            }"#,
        tries: 10,
        l3: "404|405|403",
        l2_open: "404|405|403",
        ..PLAIN
    },
    Row {
        name: "the proxy and the vendor are to disagree where a request ends",
        attack: r#"my ($host, $port, $key) = proxy(); my $with = "Host: x\r\nx-api-key: $key\r\nConnection: close\r\n";
            my %form = (twice => "Content-Length: 2\r\nContent-Length: 40\r\n", list => "Content-Length: 2, 40\r\n",
                negative => "Content-Length: -2\r\n", plus => "Content-Length: +2\r\n", hex => "Content-Length: 0x2\r\n",
                gzip => "Transfer-Encoding: gzip, chunked\r\n", odd => "Transfer-Encoding: xchunked\r\n",
                folded => "X: a\r\n Content-Length: 2\r\n", spaced => "Content-Length : 2\r\n");
            try $_, sub { ask("POST /v1/messages HTTP/1.1\r\n$with$form{$_}\r\n{}") } for sort keys %form;"#,
        tries: 9,
        l3: "400|501|403|411",
        l2_open: "400|501|403|411",
        ..PLAIN
    },
    Row {
        name: "another protocol is spoken to the proxy",
        attack: r#"my ($host, $port, $key) = proxy();
            try 'version 2', sub { ask("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") };
            try 'a socket of the web', sub { ask("GET /v1/messages HTTP/1.1\r\nHost: x\r\nx-api-key: $key\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n") };
            try 'version 3', sub { ask("GET / HTTP/3.0\r\n\r\n") };
            try 'TLS', sub { ask("\x16\x03\x01\x00\x05hello\r\n\r\n") };"#,
        tries: 4,
        l3: "400|404|405|505|NO ANSWER",
        l2_open: "400|404|405|505|NO ANSWER",
        ..PLAIN
    },
    Row {
        name: "the proxy is given heads without end",
        attack: r#"my ($host, $port, $key) = proxy();
            try 'one long line', sub { ask("GET /" . ('a' x 300_000) . " HTTP/1.1\r\nHost: x\r\n\r\n") };
            try 'many lines', sub { ask("GET / HTTP/1.1\r\n" . ("X: y\r\n" x 50_000) . "\r\n") };"#,
        tries: 2,
        l3: "400|404|414|431|NO ANSWER|ECONNRESET",
        l2_open: "400|404|414|431|NO ANSWER|ECONNRESET",
        ..PLAIN
    },
];
