//! A headless Chromium, driven by the DevTools protocol over its WebSocket.
//!
//! It has a home and a profile of its own, so it trusts what a test tells it to and nothing else of this machine's user, and remembers nothing.
//! The protocol: <https://chromedevtools.github.io/devtools-protocol/>.

use std::net::TcpStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use base64::Engine as _;
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_tungstenite::tungstenite::{Message, WebSocket, client::client};

use super::wait::{PATIENCE, wait_for};

/// Debian's wrapper, which needs no display with `--headless`.
const CHROMIUM: &str = "/usr/bin/chromium";

const FLAGS: [&str; 14] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-crash-reporter",
    "--disable-sync",
    "--no-default-browser-check",
    "--no-first-run",
    "--no-proxy-server",
    "--remote-debugging-port=0",
    "--window-size=1280,900",
];

/// A running browser. Dropped, it is killed with all it started.
pub struct Browser {
    child: Child,
    home: TempDir,
}

/// One tab, with what it has said so far.
pub struct Page {
    socket: WebSocket<TcpStream>,
    session: Option<String>,
    last_id: u64,
    events: Vec<Value>,
}

impl Browser {
    /// What is missing to run a browser here; `None` when all is there.
    pub fn missing() -> Option<&'static str> {
        if !Path::new(CHROMIUM).exists() {
            return Some("chromium (apt-get install chromium)");
        }
        let certutil = Command::new("certutil").arg("-H").stdout(Stdio::null()).stderr(Stdio::null()).status();
        certutil.is_err().then_some("certutil (apt-get install libnss3-tools)")
    }

    /// Starts one that trusts no more than what it was built with.
    pub fn start() -> Self {
        Self::start_in(new_home())
    }

    /// Starts one that also trusts this authority, a PEM file.
    pub fn start_trusting(authority: &Path) -> Self {
        let home = new_home();
        let database = home.path().join(".pki/nssdb");
        std::fs::create_dir_all(&database).expect("a folder for the trust store");
        let database = format!("sql:{}", database.display());
        certutil(&["-d", &database, "-N", "--empty-password"]);
        let authority = authority.display().to_string();
        certutil(&["-d", &database, "-A", "-t", "C,,", "-n", "transom", "-i", &authority]);
        Self::start_in(home)
    }

    fn start_in(home: TempDir) -> Self {
        let mut command = Command::new(CHROMIUM);
        command.args(FLAGS).arg(format!("--user-data-dir={}", home.path().join("profile").display())).arg("about:blank");
        command.env("HOME", home.path()).env("TMPDIR", home.path()).env_remove("DISPLAY");
        command.env_remove("XDG_CONFIG_HOME").env_remove("XDG_CACHE_HOME").env_remove("XDG_DATA_HOME");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        // A group of its own, so that its many processes can be ended at once.
        let child = command.process_group(0).spawn().expect("chromium starts");
        Self { child, home }
    }

    /// Opens a tab and listens to its console.
    pub fn page(&self) -> Page {
        // Two lines, written whole once it listens: the port, and the path of the browser's own socket.
        let (port, path) = wait_for("chromium to listen", || {
            let text = std::fs::read_to_string(self.home.path().join("profile/DevToolsActivePort")).ok()?;
            let (port, path) = text.split_once('\n')?;
            Some((port.parse::<u16>().ok()?, path.to_owned()))
        });
        let stream = TcpStream::connect(("127.0.0.1", port)).expect("chromium accepts");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        let (socket, _) = client(format!("ws://127.0.0.1:{port}{path}"), stream).expect("chromium speaks WebSocket");
        let mut page = Page { socket, session: None, last_id: 0, events: Vec::new() };
        let target = page.call("Target.createTarget", &json!({ "url": "about:blank" }));
        let attached = page.call("Target.attachToTarget", &json!({ "targetId": target["targetId"], "flatten": true }));
        page.session = attached["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page", "Runtime", "Log", "Network"] {
            page.call(&format!("{domain}.enable"), &json!({}));
        }
        page
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        let _ = self.child.wait();
    }
}

impl Page {
    /// Calls a method of the protocol and gives its result.
    pub fn call(&mut self, method: &str, parameters: &Value) -> Value {
        self.last_id += 1;
        let mut message = json!({ "id": self.last_id, "method": method, "params": parameters });
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        self.socket.send(Message::text(message.to_string())).expect("chromium reads");
        loop {
            let message = self.socket.read().unwrap_or_else(|error| panic!("no answer to {method}: {error}"));
            let Message::Text(text) = message else { continue };
            let mut message: Value = serde_json::from_str(&text).expect("chromium speaks JSON");
            if message["id"] == self.last_id {
                assert!(message["error"].is_null(), "{method}: {}", message["error"]);
                return message["result"].take();
            }
            if message["id"].is_null() {
                self.events.push(message);
            }
        }
    }

    /// Opens an address, or tells why not (`net::ERR_…`). Done when the answer has come, not when the page is ready.
    pub fn open(&mut self, url: &str) -> Result<(), String> {
        match self.call("Page.navigate", &json!({ "url": url }))["errorText"].as_str() {
            None => Ok(()),
            Some(error) => Err(error.to_owned()),
        }
    }

    /// The value of an expression, awaited when it is a promise; an exception is an error.
    pub fn try_evaluate(&mut self, expression: &str) -> Result<Value, String> {
        let parameters = json!({ "expression": expression, "awaitPromise": true, "returnByValue": true });
        let mut answer = self.call("Runtime.evaluate", &parameters);
        match answer["exceptionDetails"]["exception"]["description"].as_str() {
            None => Ok(answer["result"]["value"].take()),
            Some(exception) => Err(exception.to_owned()),
        }
    }

    /// The value of an expression that throws nothing.
    pub fn evaluate(&mut self, expression: &str) -> Value {
        self.try_evaluate(expression).unwrap_or_else(|exception| panic!("{expression}: {exception}\n{}", self.report()))
    }

    /// Waits until an expression is true.
    pub fn wait_until(&mut self, expression: &str) {
        let deadline = std::time::Instant::now() + PATIENCE;
        // An exception is "not yet": between two documents there is nothing to ask.
        while self.try_evaluate(expression) != Ok(Value::Bool(true)) {
            assert!(std::time::Instant::now() < deadline, "waited {PATIENCE:?} in vain for {expression}\n{}", self.report());
        }
    }

    /// The text of an element, found by its `data-testid`.
    pub fn text(&mut self, test_id: &str) -> String {
        self.evaluate(&format!("document.querySelector('[data-testid={test_id}]')?.textContent ?? ''"))
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    /// Waits until an element is there and clicks on it.
    pub fn click(&mut self, test_id: &str) {
        self.wait_until(&format!("document.querySelector('[data-testid={test_id}]') !== null"));
        self.evaluate(&format!("document.querySelector('[data-testid={test_id}]').click()"));
    }

    /// Types into an element.
    pub fn enter(&mut self, test_id: &str, text: &str) {
        self.wait_until(&format!("document.querySelector('[data-testid={test_id}]') !== null"));
        self.evaluate(&format!("document.querySelector('[data-testid={test_id}]').focus()"));
        self.call("Input.insertText", &json!({ "text": text }));
    }

    /// Reloads, and waits until the new document is complete.
    pub fn reload(&mut self) {
        self.evaluate("window.isBeforeReload = true");
        self.call("Page.reload", &json!({}));
        self.wait_until("window.isBeforeReload === undefined && document.readyState === 'complete'");
    }

    /// The events of one kind, their parameters only.
    pub fn events(&self, method: &str) -> Vec<&Value> {
        self.events.iter().filter(|event| event["method"] == method).map(|event| &event["params"]).collect()
    }

    /// The errors and warnings of the console, and exceptions that nobody caught.
    pub fn complaints(&mut self) -> Vec<String> {
        // What the tab has said so far comes before this answer.
        self.evaluate("null");
        let is_bad = |level: &Value| matches!(level.as_str(), Some("error" | "warning" | "assert"));
        let console = self.events("Runtime.consoleAPICalled").into_iter().filter(|call| is_bad(&call["type"]));
        let log = self.events("Log.entryAdded").into_iter().map(|event| &event["entry"]).filter(|entry| is_bad(&entry["level"]));
        let exceptions = self.events("Runtime.exceptionThrown").into_iter();
        console.chain(log).chain(exceptions).map(Value::to_string).collect()
    }

    /// Writes a picture of the page, a PNG.
    pub fn screenshot(&mut self, path: &Path) {
        let answer = self.call("Page.captureScreenshot", &json!({ "format": "png" }));
        let data = answer["data"].as_str().expect("a picture");
        let picture = base64::engine::general_purpose::STANDARD.decode(data).expect("base64");
        std::fs::write(path, picture).expect("the picture is written");
    }

    /// What a failed test wants to know.
    fn report(&mut self) -> String {
        let text = self.try_evaluate("location.href + '\\n' + document.body.innerText").unwrap_or_default();
        let complaints = if text.is_null() { Vec::new() } else { self.complaints() };
        format!("--- page\n{}\n--- console\n{}", text.as_str().unwrap_or_default(), complaints.join("\n"))
    }
}

fn new_home() -> TempDir {
    tempfile::Builder::new().prefix("transom-browser-").tempdir().expect("a home for the browser")
}

fn certutil(arguments: &[&str]) {
    let output = Command::new("certutil").args(arguments).output().expect("certutil runs");
    assert!(output.status.success(), "certutil {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}
