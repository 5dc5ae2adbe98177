//! Every default of the config language, each with its reason.
//!
//! A default is safe first and unsurprising second; who wants another writes it down. What is in no config file is in no other place but here.

use std::time::Duration;

use http::StatusCode;

use super::{
    AccessFormat, AccessLog, AccessTarget, Attempt, Balance, Breaker, CodedFiles, Compression, CompressionLevel, HeaderPreset, Hidden,
    HttpVersions, Limits, LogLevel, RetryMethods, RetryOn, Symlinks, Timeouts, TraceParent,
};
use crate::http::encoding::Coding;
use crate::units::ByteSize;

/// `server.listen` without `[tls]`: a port that any user may bind, so that a container without capabilities starts.
pub const LISTEN_PLAIN: &[&str] = &[":8080"];

/// `server.listen` with `[tls]`: the same, and its TLS neighbour; 8080 then redirects there.
pub const LISTEN_TLS: &[&str] = &[":8080", ":8443"];

/// `server.http`: what every browser speaks.
pub const HTTP: HttpVersions = HttpVersions { h1: true, h2: true };

/// `server.https_redirect`: permanent, and unlike 301 it keeps the method of a POST (RFC 9110 §15.4.9).
pub const HTTPS_REDIRECT: StatusCode = StatusCode::PERMANENT_REDIRECT;

/// `server.traceparent`: one that is made here says "not sampled", and the libraries of applications then record nothing of their own either.
pub const TRACEPARENT: TraceParent = TraceParent::Pass;

/// `server.grace`: Docker kills ten seconds after it asked; two of them are left for the processes.
pub const GRACE: Duration = Duration::from_secs(8);

/// `[limits]`.
pub const LIMITS: Limits = Limits {
    // Photographs and documents pass, which nginx's 1 MiB refuses; a disk cannot be filled, since bodies are streamed.
    body: ByteSize(16 << 20),
    // Four cookies of the largest size that browsers keep (RFC 6265 §6.1), and a token.
    header: ByteSize(32 << 10),
    // Browsers send about twenty, proxies before us add a dozen.
    header_count: 100,
    // RFC 9110 §4.1 asks for 8000 bytes.
    uri: ByteSize(8 << 10),
    // Several builds of a large app; half of the smallest container that an app with its API is run in (512 MiB).
    assets_memory: ByteSize(256 << 20),
    // A dozen cookies and a token of a large organisation, where nginx's 4 KiB are a 502.
    upstream_header: ByteSize(64 << 10),
};

/// `limits.buffer_memory`: half of what the reading of a body holds in any case.
pub const BUFFER_MEMORY: ByteSize = ByteSize(64 << 10);

/// `limits.buffer_disk`: sixty-four bodies of the largest size at once; a container has that much room, or a tmpfs of its own.
pub const BUFFER_DISK: ByteSize = ByteSize(1 << 30);

/// `limits.buffer_folder`: where temporary files go.
pub const BUFFER_FOLDER: &str = "/tmp";

/// `[timeouts]`.
pub const TIMEOUTS: Timeouts = Timeouts {
    // A head fits in a few packets; who needs longer is holding the connection open on purpose.
    header: Duration::from_secs(10),
    // As nginx's client_body_timeout: a telephone between two cells.
    body_idle: Duration::from_secs(60),
    // As nginx's keepalive_timeout; above the 60 s of the usual load balancers before us, so that they close first.
    keepalive: Duration::from_secs(75),
    // Upstreams are near: the second and third SYN go out within three seconds.
    connect: Duration::from_secs(3),
    // As nginx's proxy_read_timeout.
    response: Duration::from_secs(60),
    // The same, between two reads.
    idle: Duration::from_secs(60),
    // A silent WebSocket is healthy; dead peers are found by TCP keep-alive.
    stream: Duration::ZERO,
    // Below the shortest table entries of NAT routers.
    tcp_keepalive: Duration::from_secs(30),
};

/// `[compression]`: on, as a response that is sent whole costs its reader more than compressing it costs us.
pub fn compression() -> Compression {
    Compression {
        // By what a body of 50 KiB costs and weighs: zstd is as small as the others at a third of the time; brotli is for those without zstd.
        dynamic: vec![Coding::Zstd, Coding::Brotli, Coding::Gzip],
        // Where more time buys little. 50 KiB of JSON: zstd 3 0.2 ms for 10.3 KB; br 3 0.65 ms for 10.3 KB, br 4 twice that for 10.2 KB; gzip 2 0.27 ms
        // for 12.6 KB (when the body comes at once, two thirds of that, or with ISA-L a third, for 12.9 KB), gzip 6 0.67 ms for 12.2 KB (zlib's own level 6,
        // which others default to: 0.73 ms for 12.4 KB).
        level: CompressionLevel { zstd: 3, brotli: 3, gzip: 2 },
        // Below it a response is one packet in either form.
        min_size: ByteSize(1 << 10),
        // What does not get smaller is not in the list of types that do.
        skip: Vec::new(),
    }
}

/// `headers.preset`: the headers that no single-page app is broken by.
pub const PRESET: HeaderPreset = HeaderPreset::Spa;

/// `compression.precompressed` and `compression.static`: what a build made is used, and what it did not make costs no request anything.
pub const CODED_FILES: CodedFiles = CodedFiles { precompressed: true, compress: true };

/// `upstream.wait`: longer than most APIs take to start, shorter than a person takes to give up.
pub const WAIT: Duration = Duration::from_secs(10);

/// `upstream.balance`: fair where requests cost about the same, and easy to predict.
pub const BALANCE: Balance = Balance::RoundRobin;

/// `to.weight`: all alike.
pub const WEIGHT: u16 = 1;

/// `upstream.queue`: what a busy server works off within a few seconds; more would wait in vain, and takes memory meanwhile.
pub const QUEUE: usize = 100;

/// `upstream.breaker`: more failures in a row than a restart behind kept connections makes; nginx leaves a server alone for as long.
pub const BREAKER: Breaker = Breaker { failures: 5, open: Duration::from_secs(10) };

/// `upstream.slow_start`: most servers are warm at once.
pub const SLOW_START: Duration = Duration::ZERO;

/// `health.interval`: a tenth of a percent of what a server can do, and noticed before a person tries again.
pub const CHECK_INTERVAL: Duration = Duration::from_secs(5);

/// `health.timeout`: who does not say within a second that it is well is not.
pub const CHECK_TIMEOUT: Duration = Duration::from_secs(1);

/// `health.rise`: a server that says it is well is believed.
pub const CHECK_RISE: u32 = 1;

/// `health.fall`: one look may meet a pause of the garbage collector.
pub const CHECK_FALL: u32 = 3;

/// `retry.on`: where no server can have answered.
pub fn retry_on() -> RetryOn {
    RetryOn { connect: true, reset: true, timeout: false, statuses: Vec::new() }
}

/// `retry.methods`: what RFC 9110 §9.2.2 allows to be sent again.
pub const RETRY_METHODS: RetryMethods = RetryMethods::Idempotent;

/// `route.index`.
pub const INDEX: &str = "index.html";

/// The file of `spa = true`.
pub const SPA: &str = "index.html";

/// `route.watch`: a folder that is copied over is served without a restart; who must not be surprised says no.
pub const WATCH: bool = true;

/// `route.keep_previous`: tabs that were opened before a deploy find the chunks of their build for as long as most of them stay open.
pub const KEEP_PREVIOUS: Duration = Duration::from_secs(60 * 60);

/// `route.try`: what every static server does.
pub const TRY: &[Attempt] = &[Attempt::File, Attempt::Folder];

/// `route.hidden`: `.env` and `.git` are what scanners ask for first.
pub const HIDDEN: Hidden = Hidden::Missing;

/// `route.symlinks`: how Kubernetes mounts a ConfigMap and how releases are switched, and no way out.
pub const SYMLINKS: Symlinks = Symlinks::Inside;

/// `route.html_cache`: stored, but asked for again each time, so that a deploy is seen at once.
pub const HTML_CACHE: &str = "no-cache";

/// `route.early_hints`: a file is in memory, so its 200 comes with the 103 and hints gain little; and what stands between may not know a 103.
pub const EARLY_HINTS: bool = false;

/// `env.file`: what most who do this by hand call it.
pub const ENV_FILE: &str = "/env.js";

/// `env.global`: as `ENV_FILE`.
pub const ENV_GLOBAL: &str = "__ENV__";

/// `redirect.status`, also of `redirect = "…"`: as `https_redirect`.
pub const REDIRECT_STATUS: StatusCode = StatusCode::PERMANENT_REDIRECT;

/// `respond.status`.
pub const RESPOND_STATUS: StatusCode = StatusCode::OK;

/// `respond.type`: never sniffed as HTML.
pub const RESPOND_TYPE: &str = "text/plain; charset=utf-8";

/// `log.level`: what an operator acts on.
pub const LOG_LEVEL: LogLevel = LogLevel::Info;

/// `log.access`: on, where containers are read from, in the form that machines read.
pub fn access() -> AccessLog {
    AccessLog { format: AccessFormat::Json, to: AccessTarget::Stdout, skip: Vec::new() }
}
