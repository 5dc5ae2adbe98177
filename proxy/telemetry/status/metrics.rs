//! The facts for Prometheus. Names, labels and meanings are a promise: dashboards and alerts are written against them.

use std::time::UNIX_EPOCH;

use super::Status;
use super::exposition::{Exposition, Kind};
use crate::standing::{ServerStatus, Standing, UpstreamStatus, Waiting};

impl Status {
    /// The text for Prometheus, version 0.0.4.
    pub fn metrics(&self) -> String {
        let mut text = Exposition::default();
        self.process(&mut text);
        self.clients(&mut text);
        self.servers(&mut text);
        self.waiting(&mut text);
        self.children(&mut text);
        text.into_text()
    }

    fn process(&self, text: &mut Exposition) {
        text.family("transom_build_info", Kind::Gauge, "The version that runs.").sample(&[("version", self.version)], 1);
        let started = self.started.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        text.family("process_start_time_seconds", Kind::Gauge, "When it was started, in seconds since 1970.")
            .sample(&[], format_args!("{started:.3}"));
        text.family("transom_ready", Kind::Gauge, "1 when /readyz says so.").sample(&[], u8::from(self.not_ready().is_none()));
    }

    fn clients(&self, text: &mut Exposition) {
        text.family("transom_client_connections_open", Kind::Gauge, "Connections of clients that are open.")
            .sample(&[], self.traffic.connections);
        text.family("transom_client_connections_accepted_total", Kind::Counter, "Connections of clients since the start.")
            .sample(&[], self.traffic.accepted);
        let help = "Requests of clients since the start, by the class of the status that was sent (600 to 999 count as 5xx); unanswered: the client left \
                    before.";
        let mut family = text.family("transom_requests_total", Kind::Counter, help);
        for (class, count) in &self.traffic.requests {
            family.sample(&[("status", class)], count);
        }
    }

    fn servers(&self, text: &mut Exposition) {
        let mut gauge = |name, help, value: &dyn Fn(&ServerStatus) -> f64| {
            let mut family = text.family(name, Kind::Gauge, help);
            self.each_server(|upstream, server| family.sample(&labels(upstream, server), value(server)));
        };
        let help = "1 when the server answers, as far as is known; 0 when it fails, is left alone, or a check says that it is not well.";
        gauge("transom_upstream_server_up", help, &|server| f64::from(u8::from(server.state.is_up())));
        let help = "1 when requests may go to the server.";
        gauge("transom_upstream_server_usable", help, &|server| f64::from(u8::from(server.is_usable)));
        gauge("transom_upstream_server_failures_in_a_row", "Requests that failed since the last that did not.", &|server| {
            f64::from(server.failures)
        });
        gauge("transom_upstream_server_active_requests", "Requests under way, tunnels too.", &|server| f64::from(server.active));
        gauge("transom_upstream_server_weight", "The weight of the server beside the others.", &|server| f64::from(server.weight));
        let help = "The part of its share of requests that the server gets while it has not been back for long.";
        gauge("transom_upstream_server_warmth_ratio", help, &|server| f64::from(server.share) / 1000.0);
        let mut family = text.family("transom_upstream_server_state", Kind::Gauge, "1 for the state that the server is in.");
        self.each_server(|upstream, server| {
            for state in Standing::ALL {
                let [first, second] = labels(upstream, server);
                family.sample(&[first, second, ("state", state.name())], u8::from(server.state == state));
            }
        });
        let help = "Requests to the server since the start, each try for itself, by how they ended: the class of the status (600 to 999 count \
                    as 5xx); failed: no whole response; abandoned: the client left; refused: not begun with, as the server said, or because its \
                    connection took no more.";
        let mut family = text.family("transom_upstream_server_requests_total", Kind::Counter, help);
        self.each_server(|upstream, server| {
            for (outcome, count) in &server.ended {
                let [first, second] = labels(upstream, server);
                family.sample(&[first, second, ("outcome", outcome)], count);
            }
        });
    }

    fn each_server<'a>(&'a self, mut take: impl FnMut(&'a UpstreamStatus, &'a ServerStatus)) {
        for upstream in &self.upstreams {
            upstream.servers.iter().for_each(|server| take(upstream, server));
        }
    }

    fn waiting(&self, text: &mut Exposition) {
        let mut family = |name, kind, help, value: &dyn Fn(Waiting) -> u64| {
            let mut family = text.family(name, kind, help);
            for upstream in &self.upstreams {
                family.sample(&[("upstream", &upstream.name), ("for", "server")], value(upstream.held));
                if let Some(queued) = upstream.queued {
                    family.sample(&[("upstream", &upstream.name), ("for", "room")], value(queued));
                }
            }
        };
        let help = "Requests that wait now: for a server that can be reached, or for one with less than max_conns requests.";
        family("transom_upstream_waiting_requests", Kind::Gauge, help, &|waiting| waiting.now);
        family("transom_upstream_waits_total", Kind::Counter, "Requests that began to wait since the start.", &|waiting| waiting.begun);
        let help = "Requests that waited for as long as they may, in vain.";
        family("transom_upstream_wait_timeouts_total", Kind::Counter, help, &|waiting| waiting.timed_out);
        let help = "Requests that did not wait because too many do already, or nobody is to.";
        family("transom_upstream_wait_refusals_total", Kind::Counter, help, &|waiting| waiting.refused);
    }

    fn children(&self, text: &mut Exposition) {
        let mut family = text.family("transom_process_ready", Kind::Gauge, "1 when the child process runs and is ready.");
        for process in &self.processes {
            family.sample(&[("process", &process.name)], u8::from(process.is_ready));
        }
        let mut family = text.family("transom_process_starts_total", Kind::Counter, "How often the child process was started.");
        for process in &self.processes {
            family.sample(&[("process", &process.name)], process.starts);
        }
    }
}

fn labels<'a>(upstream: &'a UpstreamStatus, server: &'a ServerStatus) -> [(&'static str, &'a str); 2] {
    [("upstream", &upstream.name), ("server", &server.url)]
}

#[cfg(test)]
mod tests {
    use super::super::tests::status;

    #[test]
    fn every_fact_is_a_sample() {
        let text = status().metrics();
        for line in [
            "transom_build_info{version=\"1.2.3\"} 1",
            "process_start_time_seconds 1700000000.000",
            "transom_client_connections_open 3",
            "transom_requests_total{status=\"5xx\"} 1",
            "transom_upstream_server_up{upstream=\"api\",server=\"http://10.0.0.0:3000\"} 1",
            "transom_upstream_server_up{upstream=\"api\",server=\"http://10.0.0.4:3000\"} 0",
            "transom_upstream_server_state{upstream=\"api\",server=\"http://10.0.0.4:3000\",state=\"left_alone\"} 1",
            "transom_upstream_server_state{upstream=\"api\",server=\"http://10.0.0.4:3000\",state=\"up\"} 0",
            "transom_upstream_server_failures_in_a_row{upstream=\"api\",server=\"http://10.0.0.5:3000\"} 5",
            "transom_upstream_server_warmth_ratio{upstream=\"api\",server=\"http://10.0.0.1:3000\"} 0.25",
            "transom_upstream_server_requests_total{upstream=\"api\",server=\"http://10.0.0.0:3000\",outcome=\"failed\"} 5",
            "transom_upstream_waiting_requests{upstream=\"api\",for=\"server\"} 1",
            "transom_upstream_wait_timeouts_total{upstream=\"api\",for=\"server\"} 2",
            "transom_process_ready{process=\"api\"} 0",
            "transom_process_starts_total{process=\"api\"} 3",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }
}
