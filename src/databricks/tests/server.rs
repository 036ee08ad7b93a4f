//! A server that answers by a script: raw bytes, one request per connection.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What happens to one request.
#[derive(Debug, Clone)]
pub(super) enum Step {
    /// These bytes, then the connection is closed.
    Bytes(Vec<u8>),
    /// The connection is closed before anything is read.
    CloseAtOnce,
    /// The request is read and the connection closed: it took effect, the answer is lost.
    LoseAnswer,
    /// These bytes, and then nothing more for ever.
    Stall(Vec<u8>),
    /// A body without an end, as fast as it is taken.
    Endless,
    /// These bytes, and then the connection is reset.
    Reset(Vec<u8>),
}

/// Answers with a status and a JSON body.
pub(super) fn json(status: u16, body: &str) -> Step {
    with_headers(status, "content-type: application/json\r\n", body)
}

/// Answers with a status, header lines that end in CRLF, and a body.
pub(super) fn with_headers(status: u16, headers: &str, body: &str) -> Step {
    let length = body.len();
    let text = format!(
        "HTTP/1.1 {status} X\r\n{headers}date: Fri, 20 Nov 2026 06:00:03 GMT\r\n\
         connection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    Step::Bytes(text.into_bytes())
}

/// One request as it arrived.
#[derive(Debug, Clone)]
pub(super) struct Received {
    /// Method, path and query.
    pub(super) line: String,
    /// Lower-case header lines.
    pub(super) head: String,
    pub(super) body: String,
}

#[derive(Debug)]
pub(super) struct Server {
    address: SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
    script: Script,
}

type Script = Arc<Mutex<BTreeMap<&'static str, VecDeque<Step>>>>;

impl Server {
    /// Starts a server with the steps of each path, in order; anything else is a 404.
    pub(super) async fn start(script: &[(&'static str, &[Step])]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let received = Arc::default();
        let steps = script
            .iter()
            .map(|(path, steps)| (*path, steps.iter().cloned().collect()));
        let script: Script = Arc::new(Mutex::new(steps.collect()));
        let sink = Arc::clone(&received);
        let kept = Arc::clone(&script);
        drop(tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                drop(tokio::spawn(serve(
                    stream,
                    Arc::clone(&script),
                    Arc::clone(&sink),
                )));
            }
        }));
        Self {
            address,
            received,
            script: kept,
        }
    }

    /// Adds a step, for answers that name the server itself.
    pub(super) fn add(&self, path: &'static str, step: Step) {
        let mut script = self.script.lock().unwrap();
        script.entry(path).or_default().push_back(step);
    }

    pub(super) fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(super) fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    /// Returns method, path and query of what arrived.
    pub(super) fn lines(&self) -> Vec<String> {
        self.received()
            .into_iter()
            .map(|request| request.line)
            .collect()
    }
}

async fn serve(mut stream: TcpStream, script: Script, sink: Arc<Mutex<Vec<Received>>>) {
    let closes_at_once = |steps: &VecDeque<Step>| matches!(steps.front(), Some(Step::CloseAtOnce));
    {
        let mut script = script.lock().unwrap();
        if let Some(steps) = script.values_mut().find(|steps| closes_at_once(steps)) {
            steps.pop_front();
            return;
        }
    }
    let Some(request) = read_request(&mut stream).await else {
        return;
    };
    let path = request.line.split([' ', '?']).nth(1).unwrap().to_owned();
    sink.lock().unwrap().push(request);
    let step = script
        .lock()
        .unwrap()
        .get_mut(path.as_str())
        .and_then(VecDeque::pop_front);
    let missing = json(
        404,
        r#"{"error_code": "ENDPOINT_NOT_FOUND", "message": "not scripted"}"#,
    );
    match step.unwrap_or(missing) {
        Step::Bytes(bytes) => stream.write_all(&bytes).await.unwrap_or(()),
        Step::CloseAtOnce | Step::LoseAnswer => {}
        Step::Endless => {
            let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
            let chunk = [b"10000\r\n".as_slice(), &vec![b' '; 0x10000], b"\r\n"].concat();
            let mut going = stream.write_all(head).await;
            while going.is_ok() {
                going = stream.write_all(&chunk).await;
            }
        }
        Step::Reset(bytes) => {
            stream.write_all(&bytes).await.unwrap_or(());
            stream.set_zero_linger().unwrap();
        }
        Step::Stall(bytes) => {
            stream.write_all(&bytes).await.unwrap_or(());
            std::future::pending::<()>().await;
        }
    }
}

async fn read_request(stream: &mut TcpStream) -> Option<Received> {
    let mut bytes = Vec::new();
    let mut buffer = [0_u8; 4096];
    loop {
        let count = stream.read(&mut buffer).await.ok()?;
        bytes.extend_from_slice(&buffer[..count]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| {
                    line.to_lowercase()
                        .strip_prefix("content-length: ")?
                        .parse()
                        .ok()
                })
                .unwrap_or(0);
            if body.len() >= length {
                let line = head.lines().next()?.trim_end_matches(" HTTP/1.1");
                return Some(Received {
                    line: line.to_owned(),
                    head: head
                        .lines()
                        .skip(1)
                        .map(|line| lower_name(line) + "\n")
                        .collect(),
                    body: body.to_owned(),
                });
            }
        }
        if count == 0 {
            return None;
        }
    }
}

fn lower_name(line: &str) -> String {
    let (name, value) = line.split_once(": ").unwrap();
    format!("{}: {value}", name.to_lowercase())
}
