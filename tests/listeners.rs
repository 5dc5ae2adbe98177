//! Listeners: what can be listened on, what is said of it, and what is said when it cannot be had.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::{Command, Output, Stdio};

use crate::support::{Client, Edge, Site, wait_for};

fn site(listen: &str) -> Site {
    Site::new(&format!("//- /proxy.toml\n[server]\nlisten = [{listen}]\n[[route]]\npath = \"/\"\nrespond = {{ body = \"hello\" }}\n"))
}

/// Runs the edge until it ends by itself.
fn run(site: &Site) -> Output {
    let child = Command::new(env!("CARGO_BIN_EXE_transom"))
        .current_dir(site.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the edge starts");
    let mut child = Killed(Some(child));
    wait_for("the edge to end", || child.0.as_mut().and_then(|child| child.try_wait().expect("a status")));
    child.0.take().expect("a child").wait_with_output().expect("its output")
}

/// Nothing is left running when a test gives up.
struct Killed(Option<std::process::Child>);

impl Drop for Killed {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn get_over_unix(mut stream: UnixStream) -> String {
    stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").expect("a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}

#[test]
fn any_free_port_is_reported_at_start() {
    let edge = Edge::start_with(site("\"127.0.0.1:0\", \"127.0.0.1:0\""), |_| {});
    assert_eq!(edge.addresses.len(), 2);
    assert_ne!(edge.addresses[0].port(), edge.addresses[1].port());
    for address in &edge.addresses {
        let mut client = Client::connect(*address);
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(client.response().text(), "hello");
    }
}

#[test]
fn a_port_alone_is_listened_on_by_both_families() {
    let edge = Edge::start_with(site("\":0\""), |_| {});
    let port = edge.address().port();
    let mut clients = vec![Client::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))];
    let v6 = SocketAddr::from((Ipv6Addr::LOCALHOST, port));
    // A machine without IPv6 cannot show the other half.
    if TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok() {
        clients.push(Client::connect(v6));
    }
    for client in &mut clients {
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(client.response().text(), "hello");
    }
    edge.wait_for_access("an IPv4 client shown as one", |line| line["client"] == "127.0.0.1");
}

#[test]
fn a_unix_socket_is_made_over_a_stale_one_and_removed_at_the_stop() {
    let site = site("\"unix:http.sock\"");
    let path = site.join("http.sock");
    drop(UnixListener::bind(&path).expect("a stale socket"));
    let edge = Edge::start_with(site, |_| {});
    assert!(get_over_unix(UnixStream::connect(&path).expect("a connection")).ends_with("hello"));
    edge.wait_for_access("its line", |line| line["client"] == "unix:");
    let mut edge = edge;
    edge.signal(rustix::process::Signal::TERM);
    edge.wait();
    assert!(!path.exists());
}

#[test]
fn a_unix_socket_that_somebody_answers_on_is_left_alone() {
    let site = site("\"unix:http.sock\"");
    let path = site.join("http.sock");
    let other = UnixListener::bind(&path).expect("a socket");
    let output = run(&site);
    assert_eq!(output.status.code(), Some(78));
    assert!(UnixStream::connect(&path).is_ok());
    drop(other);
}

#[test]
fn a_file_in_the_place_of_a_unix_socket_is_left_alone() {
    let site = site("\"unix:http.sock\"");
    site.write("http.sock", b"precious");
    assert_eq!(run(&site).status.code(), Some(78));
    assert_eq!(std::fs::read(site.join("http.sock")).expect("the file"), b"precious");
}

#[test]
fn a_socket_that_the_parent_passes_on_is_served() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a socket");
    let address = listener.local_addr().expect("an address");
    // The shell puts it where socket activation puts it, as a service manager would. (It gets it as its input: not every shell takes numbers above 9.)
    let edge = Edge::start_with(site("\"http://fd:3\""), |command| {
        let (program, directory) = (command.get_program().to_owned(), command.get_current_dir().expect("a folder").to_owned());
        let mut shell = Command::new("sh");
        shell.args(["-c", "exec 3<&0 0</dev/null; exec \"$0\""]).arg(program).current_dir(directory);
        shell.stdin(OwnedFd::from(listener.try_clone().expect("a second descriptor")));
        shell.stdout(Stdio::piped()).stderr(Stdio::piped());
        *command = shell;
    });
    drop(listener);
    let mut client = Client::connect(address);
    client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.response().text(), "hello");
    drop(edge);
}

#[test]
fn a_descriptor_that_is_no_listening_socket_is_a_mistake_in_the_config() {
    let output = run(&site("\"http://fd:77\""));
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(78), "{text}");
    assert!(text.contains("cannot listen on fd:77") && text.contains("parent process"), "{text}");
}

#[test]
fn a_port_in_use_is_named_with_its_place_and_a_way_out() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port();
    let output = run(&site(&format!("\"127.0.0.1:{port}\"")));
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(78), "{text}");
    assert!(
        text.contains(&format!("cannot listen on 127.0.0.1:{port}")) && text.contains("proxy.toml:2:") && text.contains("ss -ltnp"),
        "{text}"
    );
}

#[test]
fn a_second_edge_on_the_same_port_is_refused_and_does_not_share_it() {
    let first = Edge::start_with(site("\"127.0.0.1:0\""), |_| {});
    let output = run(&site(&format!("\"{}\"", first.address())));
    assert_eq!(output.status.code(), Some(78), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_port_is_free_again_as_soon_as_the_edge_has_stopped() {
    // At an address where no other test listens, nor connects from: one of them could have the port in between.
    let first = Edge::start_with(site("\"127.0.77.1:0\""), |_| {});
    let address = first.address();
    let mut client = first.connect();
    client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.response().text(), "hello");
    first.stop();
    assert!(TcpStream::connect(address).is_err());
    let second = Edge::start_with(site(&format!("\"{address}\"")), |_| {});
    assert_eq!(second.get("/", "").text(), "hello");
}

#[test]
fn there_is_room_for_thousands_of_descriptors_from_the_start() {
    let edge = Edge::start_with(site("\"127.0.0.1:0\""), |_| {});
    let status = std::fs::read_to_string(format!("/proc/{}/status", edge.pid().as_raw_nonzero())).expect("the status of a process");
    let room = status.lines().find_map(|line| line.strip_prefix("FDSize:")).and_then(|size| size.trim().parse::<u64>().ok());
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).maximum.unwrap_or(u64::MAX);
    assert!(room >= Some(limit.min(4096)), "{room:?}");
}
