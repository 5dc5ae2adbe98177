//! An edge with the demo backend behind it, both in one folder.

use super::api::Api;
use super::client::{Client, Response};
use super::edge::Edge;
use super::site::Site;

/// One plain listener, `/api` and `/ws` to the backend, `/raw` to its misbehaviours; nothing is held. More tables may follow.
pub const FORWARD: &str = r#"
[server]
listen = ["127.0.0.1:0"]
grace  = "1s"

[upstream.api]
to   = "unix:api.sock"
wait = "0s"

[upstream.raw]
to   = "unix:raw.sock"
wait = "0s"

[[route]]
path  = ["/api", "/ws"]
proxy = "api"

[[route]]
path  = "/raw"
proxy = "raw"
"#;

/// An edge and its backend. The edge ends first.
pub struct Backed {
    /// The edge.
    pub edge: Edge,
    /// The backend, on `api.sock` and `raw.sock` in the folder.
    pub api: Api,
}

impl Backed {
    /// Starts both: [`FORWARD`] and these tables.
    pub fn start(tables: &str) -> Self {
        Self::start_with(&format!("{FORWARD}\n{tables}"))
    }

    /// Starts both, with a whole config.
    pub fn start_with(config: &str) -> Self {
        let site = Site::new(&format!("//- /proxy.toml\n{config}\n"));
        let api = start_api(&site);
        Self { edge: Edge::start_with(site, |_| {}), api }
    }

    /// What the backend saw of a request: the answer of `/api/echo`.
    pub fn echo(&self, request: &str) -> serde_json::Value {
        let response = self.edge.request(request);
        assert_eq!(response.status, 200, "{request:?}: {}", response.text());
        response.json()
    }

    /// GETs a path with these further field lines.
    pub fn get(&self, path: &str, fields: &str) -> Response {
        self.edge.get(path, fields)
    }

    /// A new connection to the edge.
    pub fn connect(&self) -> Client {
        self.edge.connect()
    }
}

/// Starts the backend on `api.sock` and `raw.sock` in a folder.
pub fn start_api(site: &Site) -> Api {
    let (api, raw) = (site.join("api.sock"), site.join("raw.sock"));
    let (listen, raw_listen) = (format!("unix:{}", api.display()), format!("unix:{}", raw.display()));
    Api::start_with(&["--listen", &listen, "--raw-listen", &raw_listen], &[&api, &raw])
}

/// All values of a field in what `/api/echo` shows.
pub fn seen<'a>(echo: &'a serde_json::Value, name: &str) -> Vec<&'a str> {
    let fields = echo["headers"].as_array().expect("headers");
    fields.iter().filter(|field| field[0] == name).filter_map(|field| field[1].as_str()).collect()
}

/// Peak of a process's memory so far, in bytes.
pub fn memory_peak(pid: rustix::process::Pid) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", pid.as_raw_nonzero())).expect("the status of a process");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("kB") * 1024
}
