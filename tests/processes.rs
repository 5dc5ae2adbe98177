//! The processes that the edge runs: started with it, restarted when they die, stopped after it.

use rustix::process::{Pid, Signal, kill_process, test_kill_process};

use crate::support::{Api, Edge, wait_for};

/// A site whose backend is a process of the edge.
fn start(process: &str, tables: &str) -> Edge {
    let command = format!("[\"{}\", \"--listen\", \"unix:api.sock\"]", Api::binary().display());
    Edge::start(&format!(
        "//- /proxy.toml\n[server]\nlisten = [\"127.0.0.1:0\"]\n[upstream.api]\nto = \"unix:api.sock\"\nwait = \"15s\"\n\
         [process.api]\ncommand = {command}\n{process}\n[[route]]\npath = \"/api\"\nproxy = \"api\"\n\
         [[route]]\npath = \"/\"\nroot = \"site\"\n{tables}\n//- /site/index.html\nstatic\n"
    ))
}

/// A site with a process in shell.
fn shell(script: &str, tables: &str) -> Edge {
    Edge::start(&format!(
        "//- /proxy.toml\n[server]\nlisten = [\"127.0.0.1:0\"]\n[process.job]\ncommand = [\"/bin/sh\", \"job.sh\"]\n{tables}\n\
         [[route]]\npath = \"/\"\nroot = \"site\"\n//- /job.sh\n{script}\n//- /site/index.html\nstatic\n"
    ))
}

fn backend(edge: &Edge) -> Pid {
    let pid = edge.get("/api/pid", "").json()["pid"].as_i64().expect("a pid");
    Pid::from_raw(i32::try_from(pid).unwrap()).unwrap()
}

fn is_gone(pid: Pid) -> bool {
    test_kill_process(pid).is_err()
}

#[test]
fn a_process_is_started_with_the_edge_and_gone_with_it() {
    let edge = start("ready = { upstream = \"api\" }", "");
    assert_eq!(edge.get("/api/health", "").status, 200, "held until the process is there");
    let pid = backend(&edge);
    edge.wait_for_event("readiness", |event| event["msg"].as_str().is_some_and(|text| text.contains("ready")));
    let stopped = edge.stop();
    assert!(stopped.status.success());
    assert!(is_gone(pid));
}

#[test]
fn a_process_that_is_killed_is_started_again_and_no_request_fails() {
    let edge = start("", "");
    let first = backend(&edge);
    kill_process(first, Signal::KILL).unwrap();
    assert_eq!(edge.get("/api/health", "").status, 200, "held until the process is back");
    assert_ne!(backend(&edge), first);
    let told = edge.wait_for_event("the end", |event| event["msg"].as_str().is_some_and(|text| text.contains("SIGKILL")));
    assert_eq!(told["process"], "api");
}

#[test]
fn output_is_told_with_the_name_of_its_process() {
    let edge = shell("echo to stdout\necho to stderr >&2\nexec sleep 60", "");
    for stream in ["stdout", "stderr"] {
        let line = edge.wait_for_event(stream, |event| event["msg"] == format!("to {stream}"));
        assert_eq!((line["process"].as_str(), line["stream"].as_str()), (Some("job"), Some(stream)));
    }
}

#[test]
fn the_environment_is_what_is_set_and_passed_and_nothing_else() {
    let site = crate::support::Site::new(
        "//- /proxy.toml\n[server]\nlisten = [\"127.0.0.1:0\"]\n[process.job]\ncommand = [\"/bin/sh\", \"-c\", \"env; exec sleep 60\"]\n\
         env = { OURS = \"set\" }\nenv_pass = [\"PASSED_*\"]\n[[route]]\npath = \"/\"\nrespond = { body = \"ok\" }\n",
    );
    let edge = Edge::start_with(site, |command| {
        command.env("PASSED_ON", "yes").env("SECRET_KEY", "no");
    });
    for line in ["OURS=set", "PASSED_ON=yes"] {
        edge.wait_for_event(line, |event| event["msg"] == line);
    }
    assert!(edge.find_event(|event| event["msg"].as_str().is_some_and(|text| text.contains("SECRET_KEY"))).is_none());
}

#[test]
fn a_request_under_way_is_finished_before_its_process_is_asked_to_stop() {
    let edge = start("", "");
    backend(&edge);
    let mut client = edge.connect();
    client.send(b"GET /api/drip?bytes=30&interval=20ms HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!(client.head().status, 200);
    edge.signal(Signal::TERM);
    let mut body = std::mem::take(&mut client.buffer);
    body.extend(client.read_to_end());
    assert_eq!(body.len(), 30);
}

#[test]
fn a_process_that_ignores_the_request_to_stop_is_killed() {
    let edge = shell("trap '' TERM\necho pid $$\nwhile :; do sleep 0.1; done", "");
    let line = edge.wait_for_event("its pid", |event| event["msg"].as_str().is_some_and(|text| text.starts_with("pid ")));
    let pid = Pid::from_raw(line["msg"].as_str().unwrap()[4..].parse().unwrap()).unwrap();
    let stopped = edge.stop();
    assert!(stopped.status.success() && is_gone(pid));
    assert!(stopped.events.iter().any(|event| event.contains("killed")), "{:?}", stopped.events);
}

#[test]
fn what_a_process_has_started_is_gone_with_it() {
    let edge = shell("sleep 1000 &\necho pid $!\nwait", "");
    let line = edge.wait_for_event("the pid", |event| event["msg"].as_str().is_some_and(|text| text.starts_with("pid ")));
    let pid = Pid::from_raw(line["msg"].as_str().unwrap()[4..].parse().unwrap()).unwrap();
    edge.stop();
    wait_for("the grandchild to go", || is_gone(pid).then_some(()));
}

#[test]
fn a_missing_program_is_told_and_the_site_is_served() {
    let edge = Edge::start(
        "//- /proxy.toml\n[server]\nlisten = [\"127.0.0.1:0\"]\n[process.api]\ncommand = [\"no-such-program\"]\n\
         [[route]]\npath = \"/\"\nroot = \"site\"\n//- /site/index.html\nstatic\n",
    );
    let told = edge.wait_for_event("the failure", |event| event["msg"].as_str().is_some_and(|text| text.contains("no-such-program")));
    assert_eq!((told["process"].as_str(), told["level"].as_str().map(str::to_lowercase)), (Some("api"), Some("error".to_owned())));
    assert_eq!(edge.get("/", "").text(), "static");
}

#[test]
fn a_process_that_cannot_live_is_tried_again_with_pauses() {
    let edge = shell("echo started\nexit 3", "");
    let told = edge.wait_for_event("the end", |event| event["msg"].as_str().is_some_and(|text| text.contains("exited with code 3")));
    assert!(told["msg"].as_str().is_some_and(|text| text.contains("started again in")), "{told}");
    wait_for("a second start", || (edge.events().iter().filter(|event| event["msg"] == "started").count() >= 2).then_some(()));
}

/// Two processes that are one upstream, whose breaker is as strict as can be.
fn pair() -> Edge {
    let process = |name: &str| {
        let command = format!("[\"{}\", \"--listen\", \"unix:{name}.sock\"]", Api::binary().display());
        format!("[process.{name}]\ncommand = {command}\nready = {{ socket = \"unix:{name}.sock\" }}\n")
    };
    Edge::start(&format!(
        "//- /proxy.toml\n[server]\nlisten = [\"127.0.0.1:0\"]\n[upstream.api]\nto = [\"unix:a.sock\", \"unix:b.sock\"]\nwait = \"15s\"\n\
         breaker = {{ failures = 1, open = \"1h\" }}\n{}{}[[route]]\npath = \"/api\"\nproxy = \"api\"\n",
        process("a"),
        process("b")
    ))
}

#[test]
fn a_process_that_is_ready_again_gets_its_share_at_once() {
    let edge = pair();
    let mut seen = Vec::new();
    let ask = |seen: &mut Vec<Pid>, what: &str, count: usize| {
        wait_for(what, || {
            let pid = backend(&edge);
            if !seen.contains(&pid) {
                seen.push(pid);
            }
            (seen.len() == count).then_some(())
        });
    };
    ask(&mut seen, "both", 2);
    let mut killed = seen[0];
    kill_process(killed, Signal::KILL).unwrap();
    wait_for("the breaker", || {
        let pid = backend(&edge);
        // It came back before anybody missed it.
        if !seen.contains(&pid) && pid != killed {
            killed = pid;
            kill_process(killed, Signal::KILL).unwrap();
        }
        edge.find_event(|event| event["msg"].as_str().is_some_and(|text| text.contains("is left alone")))
    });
    ask(&mut seen, "the new process, though its server was left alone for an hour", 3);
}

#[test]
fn a_process_that_recycles_itself_is_started_again_at_once() {
    let edge = start("ready = { upstream = \"api\" }", "");
    for count in 1..=3 {
        // It has worked for a while.
        assert_eq!(edge.get("/api/slow?delay=700ms", "").status, 200);
        let pid = backend(&edge);
        // As a server does that has had so many requests as it may: it ends with code 0.
        kill_process(pid, Signal::TERM).unwrap();
        wait_for("another process", || (backend(&edge) != pid).then_some(()));
        wait_for("its end in the log", || {
            let ends = edge.events();
            let ended = ends.iter().filter(|event| event["msg"].as_str().is_some_and(|text| text.ends_with("it is started again at once")));
            (ended.count() == count).then_some(())
        });
    }
}
