//! Serving until a signal says stop.

use std::time::{Instant, SystemTime};

use tokio::runtime::{Builder, LocalOptions};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::announce;
use super::fatal::Fatal;
use super::load::Loaded;
use super::prepare::{Purpose, prepare};
use super::recovery;
use super::status;
use super::watch::Watch;
use crate::config::{Diagnostics, Source, Tls};
use crate::plan::{Plan, PlannedProcess};
use crate::process::{Options, Spec, Supervisor};
use crate::serve::{Bound, Current, Live, LoadReport, OperationsServer, Workers, bind};
use crate::telemetry::{AccessLog, CLOSE_PATIENCE, EventFormat, EventLog};
use crate::units::Scheme;
use crate::upstream::Checks;

/// Descriptors that there is room for from the start: files of a root while it is read, connections later. 32 KiB of the kernel's memory.
const FILES_FIRST: u64 = 4096;

/// Serves a loaded config until SIGTERM, SIGINT or SIGQUIT, then stops in order: no new work, work under way, processes.
///
/// # Errors
/// What kept it from starting or going on.
pub fn serve(loaded: Loaded, started: Instant) -> Result<(), Fatal> {
    // While there is no other thread.
    raise_file_limit();
    make_room_for_files();
    let log = EventLog::start(loaded.plan.log_level, EventFormat::for_stderr(std::env::var("NO_COLOR").ok().as_deref()))
        .map_err(Fatal::system("start the log"))?;
    let runtime =
        Builder::new_current_thread().enable_all().build_local(LocalOptions::default()).map_err(Fatal::system("make a runtime"))?;
    let result = runtime.block_on(run(loaded, started));
    drop(runtime);
    log.close();
    result
}

async fn run(loaded: Loaded, started: Instant) -> Result<(), Fatal> {
    let mut signals = Signals::new().map_err(Fatal::system("listen for signals"))?;
    let Loaded { source, mut plan } = loaded;
    let workers = worker_count();
    let processes = std::mem::take(&mut plan.processes);
    let own = plan.metrics.take();
    let exposed = own.as_deref().and_then(status::exposed);
    let bound = bind(&plan.listeners, workers, plan.timeouts.tcp_keepalive);
    let own_bound = own.as_deref().map_or_else(|| Ok(Vec::new()), |own| bind(&own.listeners, 1, own.timeouts.tcp_keepalive));
    let load_began = SystemTime::now();
    let prepared = prepare(plan, Purpose::Serve, load_began);
    let ([mut bound, mut own_bound], (mut live, mut report)) = all([bound, own_bound], prepared, &source)?;
    report.warnings.extend(exposed);
    live.set_https_port(bound.iter().find(|bound| bound.scheme() == Scheme::Https).and_then(|bound| bound.port));
    let access_log = match &live.plan().access_log {
        Some(config) => Some(AccessLog::open(config).map_err(Fatal::system("open the access log"))?),
        None => None,
    };
    // Before serving, so that the first request finds them on their way (requests are held while they are not there).
    let supervisor = start_processes(&processes);
    let current = Current::new(live);
    let mut threads = Workers::start(&current, &mut bound, access_log.as_ref(), workers).map_err(Fatal::system("start the workers"))?;
    let start_own = |own: Box<Plan>| {
        let survey = status::survey(&current, threads.meters(), supervisor.readiness());
        OperationsServer::start(*own, &mut own_bound, survey).map_err(|diagnostics| Fatal::diagnostics(&diagnostics, &source))
    };
    let own = own.map(start_own).transpose()?;
    announce(&current.load(), (&bound, &own_bound), &report, (workers, started));
    current.load().begin_coding();
    let checks = current.load().begin_checks();
    let recovery = recovery::start(supervisor.readiness(), &processes, &current.load());
    signals.watch = Some(Watch::start(current, load_began).map_err(Fatal::system("start the watch"))?);
    let result = tokio::select! {
        name = signals.stop() => {
            tracing::info!(signal = name, "stopping");
            Ok(())
        }
        () = threads.failed() => Err(Fatal::WorkerFailed),
    };
    stop((threads, checks), supervisor, &mut signals).await;
    // It ends with the processes, and fails only when it panicked, which the panic itself has told.
    drop(recovery.await);
    if let Some(watch) = signals.watch.take() {
        watch.close();
    }
    // Last, so that whoever looks sees the stop.
    if let Some(own) = own {
        own.stop().await;
    }
    drop((bound, own_bound));
    if let Some(access_log) = access_log {
        access_log.close(CLOSE_PATIENCE);
    }
    result
}

/// The stop: work under way first, then the processes that it needs. A second signal cuts it short.
async fn stop((threads, checks): (Workers, Checks), supervisor: Supervisor, signals: &mut Signals) {
    let began = Instant::now();
    tokio::select! {
        cut = threads.drain() => {
            if cut > 0 {
                tracing::warn!(connections = cut, "connections were still open when the grace ended, and were cut");
            }
        }
        name = signals.stop() => tracing::warn!(signal = name, "stopping at once"),
    }
    // Before the servers go: that they are not well then is no news.
    checks.stop().await;
    supervisor.stop().await;
    tracing::info!(ms = millis(began), "stopped");
}

/// The listeners of the sites and those of `[metrics]`, and what is served.
type Opened = ([Vec<Bound>; 2], (Live, LoadReport));

/// Tells all that is wrong with the addresses and with what the plan names, together.
fn all(
    bound: [Result<Vec<Bound>, Diagnostics>; 2],
    prepared: Result<(Live, LoadReport), Diagnostics>,
    source: &Source,
) -> Result<Opened, Fatal> {
    let mut diagnostics = Diagnostics::default();
    match (bound, prepared) {
        ([Ok(bound), Ok(own)], Ok(prepared)) => return Ok(([bound, own], prepared)),
        (bound, prepared) => {
            let wrong = bound.into_iter().filter_map(Result::err).chain(prepared.err());
            wrong.flat_map(|found| found.0).for_each(|diagnostic| diagnostics.push(diagnostic));
        }
    }
    Err(Fatal::diagnostics(&diagnostics, source))
}

fn start_processes(processes: &[PlannedProcess]) -> Supervisor {
    let specs = processes.iter().map(|planned| Spec::new(&planned.process, planned.ready.clone(), std::env::vars_os())).collect();
    Supervisor::start(specs, Options::default())
}

fn announce(live: &Live, (bound, own): (&[Bound], &[Bound]), report: &LoadReport, (workers, started): (usize, Instant)) {
    announce::announce(&report.warnings);
    for listener in bound {
        tracing::info!(address = %listener.shown, "listening");
    }
    for listener in own {
        tracing::info!(address = %listener.shown, "listening for metrics");
    }
    let port = |scheme| bound.iter().find(|bound| bound.scheme() == scheme).and_then(|bound| bound.port);
    if matches!(live.plan().tls, Some(Tls::Dev))
        && let Some(port) = port(Scheme::Https)
    {
        tracing::info!("open https://localhost:{port} (browsers trust it once they trust certs/ca.pem)");
    }
    let memory = live.memory_bytes();
    tracing::info!(workers, files = report.files, bytes = report.bytes, memory, ms = millis(started), "serving");
}

fn millis(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// One worker for each core that we may use: affinity and the CPU quota of a container count.
fn worker_count() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// Every connection is a file: takes what the system lets us have.
fn raise_file_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
}

/// The kernel doubles its table of descriptors when that is full, and where there are threads it waits for every processor each time: milliseconds in
/// which nothing is opened and nothing accepted. The table never shrinks: one descriptor far up, for a moment, makes it large enough for most.
fn make_room_for_files() {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current.unwrap_or(u64::MAX);
    let last = i32::try_from(limit.min(FILES_FIRST).saturating_sub(1)).unwrap_or_default();
    let _ = rustix::io::fcntl_dupfd_cloexec(std::io::stderr(), last);
}

/// The signals that Transom knows.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    quit: Signal,
    hangup: Signal,
    user1: Signal,
    /// Whom a HUP is for.
    watch: Option<Watch>,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            quit: signal(SignalKind::quit())?,
            hangup: signal(SignalKind::hangup())?,
            user1: signal(SignalKind::user_defined1())?,
            watch: None,
        })
    }

    fn hang_up(&self) {
        tracing::info!("HUP: loading the roots again; to apply a new config, restart");
        if let Some(watch) = &self.watch {
            watch.look_now();
        }
    }

    /// The next signal that asks to stop.
    async fn stop(&mut self) -> &'static str {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return "TERM",
                _ = self.interrupt.recv() => return "INT",
                _ = self.quit.recv() => return "QUIT",
                // Untaken, these would end the process, which is the last thing that who sends them wants.
                _ = self.hangup.recv() => self.hang_up(),
                _ = self.user1.recv() => tracing::warn!("USR1: this version cannot reopen logs; log to stdout, or rotate by copying"),
            }
        }
    }
}
