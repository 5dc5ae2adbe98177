//! Stock Pingora as a peer: its server, its listeners and its `HttpProxy`, with the least that makes them answer what Transom answers.
//!
//! Files are held in memory and answered in `request_filter`; `/api` and `/ws` go to the Unix socket. There are no conditional requests, no ranges
//! and no reloading: what it leaves out is in its favour. How it is started is in `../peers.toml`; what is not equal in `../README.md`.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, process};

use async_trait::async_trait;
use bytes::Bytes;
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::listeners::{L4BufferSettings, ListenerConfig, tls::TlsSettings};
use pingora::modules::http::HttpModules;
use pingora::proxy::{ProxyHttp, Session, http_proxy_service};
use pingora::server::{Server, configuration::ServerConf};
use pingora::upstreams::peer::HttpPeer;
use pingora::{Error, ErrorType, Result};

/// The whole head and a body of 16 KiB leave in one write.
const WRITE_BUFFER_BYTES: usize = 32 * 1024;
const READ_BUFFER_BYTES: usize = 8 * 1024;
/// A WebSocket may be silent for as long as it may with the other peers.
const TUNNEL_IDLE_TIMEOUT: Duration = Duration::from_secs(3600);
const KEEPALIVE_SECONDS: u64 = 75;

const SECURITY: [(&str, &str); 3] =
    [("x-content-type-options", "nosniff"), ("referrer-policy", "strict-origin-when-cross-origin"), ("x-frame-options", "SAMEORIGIN")];

/// One file with its compressed forms, best first.
struct Page {
    media_type: &'static str,
    caching: &'static str,
    plain: Bytes,
    encoded: Vec<(&'static str, Bytes)>,
}

struct Edge {
    pages: HashMap<String, Page>,
    missing: Page,
    api: HttpPeer,
}

fn media_type(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("json" | "map") => "application/json; charset=utf-8",
        Some("webmanifest") => "application/manifest+json; charset=utf-8",
        Some("svg") => "image/svg+xml; charset=utf-8",
        Some("txt") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

fn caching(name: &str) -> &'static str {
    match name {
        _ if name.ends_with(".html") => "no-cache",
        _ if name.starts_with("/assets/") => "public, max-age=31536000, immutable",
        _ => "public, max-age=0, must-revalidate",
    }
}

fn load(site: &Path, folder: &Path, pages: &mut HashMap<String, Page>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            load(site, &path, pages)?;
            continue;
        }
        let name = format!("/{}", path.strip_prefix(site).unwrap_or(&path).display());
        let beside = |ending: &str| PathBuf::from(format!("{}.{ending}", path.display()));
        let codings = [("br", "br"), ("gzip", "gz")].into_iter();
        let encoded = codings.filter_map(|(coding, ending)| Some((coding, fs::read(beside(ending)).ok()?.into()))).collect();
        let page = Page { media_type: media_type(&name), caching: caching(&name), plain: fs::read(&path)?.into(), encoded };
        pages.insert(name, page);
    }
    Ok(())
}

impl Edge {
    /// The file for `path`; a path whose last part has no dot is a navigation, which the app answers.
    fn page(&self, path: &str) -> Option<&Page> {
        self.pages.get(path).or_else(|| {
            let is_navigation = !path.rsplit('/').next().unwrap_or_default().contains('.');
            self.pages.get("/index.html").filter(|_| is_navigation)
        })
    }
}

async fn send(session: &mut Session, status: u16, page: &Page) -> Result<()> {
    let accepted = session.req_header().headers.get("accept-encoding").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let chosen = page.encoded.iter().find(|(coding, _)| accepted.split(',').any(|one| one.trim() == *coding));
    let body = chosen.map_or(&page.plain, |(_, body)| body).clone();
    // Names without a case map: the quicker of Pingora's two ways.
    let mut head = ResponseHeader::build_no_case(status, Some(10))?;
    head.insert_header("content-length", body.len())?;
    head.insert_header("content-type", page.media_type)?;
    head.insert_header("cache-control", page.caching)?;
    let vary = Some(("vary", "Accept-Encoding")).filter(|_| !page.encoded.is_empty());
    let encoding = chosen.map(|(coding, _)| ("content-encoding", *coding));
    for (name, value) in vary.into_iter().chain(encoding).chain(SECURITY) {
        head.insert_header(name, value)?;
    }
    session.write_response_header(Box::new(head), false).await?;
    session.write_response_body(Some(body), true).await
}

#[async_trait]
impl ProxyHttp for Edge {
    type CTX = ();

    fn new_ctx(&self) {}

    /// None: the compression module would be asked on each request and never used.
    fn init_downstream_modules(&self, _: &mut HttpModules) {}

    async fn request_filter(&self, session: &mut Session, (): &mut ()) -> Result<bool> {
        // Pingora keeps a connection for ever after its first request.
        if session.get_keepalive().is_some() {
            session.set_keepalive(Some(KEEPALIVE_SECONDS));
        }
        let path = session.req_header().uri.path();
        if path.starts_with("/api/") || path == "/ws" || path.starts_with("/ws/") {
            if session.is_upgrade_req() {
                session.set_read_timeout(Some(TUNNEL_IDLE_TIMEOUT));
            }
            return Ok(false);
        }
        match self.page(path) {
            Some(page) => send(session, 200, page).await?,
            None => send(session, 404, &self.missing).await?,
        }
        Ok(true)
    }

    async fn upstream_peer(&self, _: &mut Session, (): &mut ()) -> Result<Box<HttpPeer>> {
        Ok(Box::new(self.api.clone()))
    }

    async fn upstream_request_filter(&self, session: &mut Session, request: &mut RequestHeader, (): &mut ()) -> Result<()> {
        if let Some(address) = session.client_addr().and_then(|address| address.as_inet()) {
            let address = address.ip().to_string();
            request.insert_header("x-forwarded-for", address.as_str())?;
            request.insert_header("x-real-ip", address)?;
        }
        let is_tls = session.digest().is_some_and(|digest| digest.ssl_digest.is_some());
        request.insert_header("x-forwarded-proto", if is_tls { "https" } else { "http" })?;
        let Some(host) = request.headers.get("host").cloned() else { return Ok(()) };
        request.insert_header("x-forwarded-host", host)
    }

    async fn response_filter(&self, _: &mut Session, response: &mut ResponseHeader, (): &mut ()) -> Result<()> {
        for (name, value) in SECURITY {
            response.insert_header(name, value)?;
        }
        Ok(())
    }
}

fn start() -> Result<()> {
    let given = |name: &str| std::env::args().skip_while(|one| one != name).nth(1);
    let wanted = |name: &str| given(name).ok_or_else(|| Error::explain(ErrorType::InternalError, format!("{name} VALUE is missing")));
    let (folder, plain, tls) = (wanted("--folder")?, wanted("--plain")?, wanted("--tls")?);
    let mut pages = HashMap::new();
    let site = Path::new(&folder).join("site");
    load(&site, &site, &mut pages).map_err(|error| Error::because(ErrorType::ReadError, "the site", error))?;
    let conf = ServerConf {
        threads: 1,
        work_stealing: false,
        grace_period_seconds: Some(0),
        graceful_shutdown_timeout_seconds: Some(1),
        ..ServerConf::default()
    };
    let mut server = Server::new_with_opt_and_conf(None, conf);
    server.bootstrap();
    let mut api = HttpPeer::new_uds(&format!("{folder}/api.sock"), false, String::new())?;
    api.options.read_timeout = Some(TUNNEL_IDLE_TIMEOUT);
    let plain_text = Bytes::from_static(b"404 Not Found\n");
    let missing = Page { media_type: media_type(".txt"), caching: "no-store", plain: plain_text, encoded: Vec::new() };
    let mut service = http_proxy_service(&server.configuration, Edge { pages, missing, api });
    let buffers = || L4BufferSettings::new(READ_BUFFER_BYTES, WRITE_BUFFER_BYTES);
    service.add_listener(ListenerConfig::tcp(format!("127.0.0.1:{plain}")).l4_buffer(buffers()));
    let mut settings = TlsSettings::intermediate(&format!("{folder}/cert.pem"), &format!("{folder}/key.pem"))?;
    settings.enable_h2();
    service.add_listener(ListenerConfig::tcp(format!("127.0.0.1:{tls}")).tls(settings).l4_buffer(buffers()));
    server.add_service(service);
    server.run_forever()
}

fn main() {
    if std::env::args().any(|one| one == "--version") {
        return println!("pingora 0.9.1");
    }
    if let Err(error) = start() {
        eprintln!("pingora-peer: {error}");
        process::exit(1);
    }
}
