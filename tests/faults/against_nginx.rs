//! The same faults behind nginx: what its clients see is listed where it is not what ours see, with the reason; what is not listed fails the test.
//!
//! Its connections to the server are not kept: it would give what is left of one answer to the next request (`extra-chunk-later`, `304-with-body`).

use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use super::observe;
use super::script::Scripted;
use super::table::{FAULTS, Nginx, Step};
use crate::support::{PATIENCE, Site, tools, wait_for};

const CONFIG: &str = r#"
user root;
worker_processes 1;
daemon off;
pid @FOLDER@/nginx.pid;
events { worker_connections 64; }
http {
  access_log off;
  client_max_body_size 32m;
  client_body_temp_path @FOLDER@/body;
  proxy_temp_path @FOLDER@/proxy;
  fastcgi_temp_path @FOLDER@/fastcgi;
  uwsgi_temp_path @FOLDER@/uwsgi;
  scgi_temp_path @FOLDER@/scgi;
  server {
    listen unix:@FOLDER@/nginx.sock;
    proxy_http_version 1.1;
    proxy_request_buffering off;
    proxy_buffering off;
    proxy_buffer_size 64k;
    proxy_buffers 8 64k;
    proxy_read_timeout 2s;
    proxy_send_timeout 2s;
    location / {
      proxy_pass http://@ADDRESS@;
    }
    @SLOW@
  }
}
"#;

/// A place with a long timeout for each fault that comes byte by byte: on a busy machine that takes its time. Of the others many end by the short one.
fn slow() -> String {
    let names = FAULTS.iter().filter(|fault| fault.steps.iter().any(|step| matches!(step, Step::Drip(_)))).map(|fault| fault.name);
    let place = |name| format!("location = /f/{name} {{ proxy_pass http://@ADDRESS@; proxy_read_timeout 60s; }}\n");
    names.map(place).collect()
}

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = kill_process(Pid::from_child(&self.0), Signal::TERM);
        let _ = self.0.wait();
    }
}

fn start(site: &Site, scripted: &Scripted) -> Running {
    let folder = site.path().to_string_lossy().into_owned();
    let config = CONFIG.replace("@SLOW@", &slow()).replace("@FOLDER@", &folder).replace("@ADDRESS@", &scripted.address.to_string());
    site.write("nginx.conf", config.as_bytes());
    let binary = if Path::new("/usr/sbin/nginx").exists() { "/usr/sbin/nginx" } else { "nginx" };
    let mut command = Command::new(binary);
    command.arg("-p").arg(site.path()).arg("-c").arg(site.join("nginx.conf")).arg("-e").arg(site.join("nginx.err"));
    let running = Running(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("nginx starts"));
    wait_for("nginx to listen", || UnixStream::connect(site.join("nginx.sock")).ok());
    running
}

#[test]
fn clients_see_what_nginx_shows_them_but_where_it_is_meant_otherwise() {
    if !tools::has_nginx() {
        return;
    }
    let site = Site::new("");
    let scripted = Scripted::start();
    let nginx = start(&site, &scripted);
    let mut wrong = Vec::new();
    for fault in FAULTS {
        let expected = match fault.nginx {
            Nginx::Same => fault.seen,
            Nginx::Unlike(seen, reason) => {
                assert!(!reason.is_empty(), "{} differs without a reason", fault.name);
                assert!(seen != fault.seen, "{} is listed as different, and is the same", fault.name);
                seen
            }
            Nginx::Skipped(reason) => {
                assert!(!reason.is_empty(), "{} is left out without a reason", fault.name);
                continue;
            }
        };
        let stream = UnixStream::connect(site.join("nginx.sock")).expect("nginx listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        let target = format!("/f/{}", fault.name);
        let request = observe::request(fault.ask, &target, "Connection: close\r\n");
        let seen = observe::ask(&stream, &stream, fault.ask, &request, || scripted.note_seen(&target));
        // Where nginx is laxer, a later one may have become as strict.
        let has_come_round = matches!(fault.nginx, Nginx::Unlike(..)) && seen == fault.seen;
        if seen != expected && !has_come_round {
            wrong.push(format!("{}: nginx shows {seen} and not {expected}", fault.name));
        }
    }
    drop(nginx);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
