//! A client that sends what it is told and shows what came back, byte for byte.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};

use super::wait::PATIENCE;

/// An HTTP/1 connection.
pub struct Client {
    stream: TcpStream,
    /// What was read and not used yet.
    pub buffer: Vec<u8>,
}

/// A response.
#[derive(Debug, Clone)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// Names in lower case, and values.
    pub fields: Vec<(String, String)>,
    /// The content, decoded from chunks.
    pub body: Vec<u8>,
    /// Trailers.
    pub trailers: Vec<(String, String)>,
}

impl Response {
    /// The value of a field; `None` when it is absent.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// How often a field stands there.
    pub fn count(&self, name: &str) -> usize {
        self.fields.iter().filter(|(known, _)| known == name).count()
    }

    /// The content as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The content as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("no JSON ({error}): {}", self.text()))
    }
}

impl Client {
    /// Connects; every read and write ends within [`PATIENCE`].
    pub fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("the edge accepts");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        stream.set_write_timeout(Some(PATIENCE)).expect("a timeout");
        stream.set_nodelay(true).expect("no delay");
        Self { stream, buffer: Vec::new() }
    }

    /// Sends bytes.
    pub fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("the edge takes bytes");
    }

    /// Sends bytes; `false` when the edge has closed.
    pub fn try_send(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    /// Says that nothing more will be sent.
    pub fn finish(&self) {
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// The stream itself.
    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Reads some bytes more; `false` at the end of the stream.
    pub fn fill(&mut self) -> bool {
        let mut chunk = [0; 64 * 1024];
        let bytes = self.stream.read(&mut chunk).expect("the edge answers");
        self.buffer.extend_from_slice(&chunk[..bytes]);
        bytes > 0
    }

    /// Reads to the end of the stream. A reset counts as an end.
    pub fn read_to_end(&mut self) -> Vec<u8> {
        let mut chunk = [0; 64 * 1024];
        loop {
            match self.stream.read(&mut chunk) {
                Ok(0) => break,
                Ok(bytes) => self.buffer.extend_from_slice(&chunk[..bytes]),
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => break,
                Err(error) => panic!("reading to the end: {error}; so far {:?}", String::from_utf8_lossy(&self.buffer)),
            }
        }
        std::mem::take(&mut self.buffer)
    }

    /// `true` when the edge has closed and nothing is left to read.
    pub fn is_closed(&mut self) -> bool {
        self.buffer.is_empty() && self.read_to_end().is_empty()
    }

    /// Reads bytes up to and with this end.
    pub fn read_until(&mut self, end: &[u8]) -> Vec<u8> {
        loop {
            if let Some(at) = self.buffer.windows(end.len()).position(|window| window == end) {
                return self.buffer.drain(..at + end.len()).collect();
            }
            assert!(
                self.fill(),
                "the edge closed before {:?}; got {:?}",
                String::from_utf8_lossy(end),
                String::from_utf8_lossy(&self.buffer)
            );
        }
    }

    fn read_exact(&mut self, bytes: usize) -> Vec<u8> {
        while self.buffer.len() < bytes {
            assert!(self.fill(), "the edge closed {} bytes early", bytes - self.buffer.len());
        }
        self.buffer.drain(..bytes).collect()
    }

    /// Reads the head of one response, interim ones too.
    pub fn head(&mut self) -> Response {
        let head = String::from_utf8_lossy(&self.read_until(b"\r\n\r\n")).into_owned();
        let mut lines = head.trim_end().split("\r\n");
        let status_line = lines.next().unwrap_or_default();
        let status =
            status_line.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or_else(|| panic!("no status in {status_line:?}"));
        Response { status, fields: lines.map(field).collect(), body: Vec::new(), trailers: Vec::new() }
    }

    /// Reads one final response to this method, with its content.
    pub fn response_to(&mut self, method: &str) -> Response {
        let mut response = self.head();
        while (100..200).contains(&response.status) && response.status != 101 {
            response = self.head();
        }
        if method == "HEAD" || matches!(response.status, 101 | 204 | 304) {
            return response;
        }
        if response.field("transfer-encoding") == Some("chunked") {
            self.read_chunks(&mut response);
        } else if let Some(length) = response.field("content-length") {
            response.body = self.read_exact(length.parse().expect("a length"));
        } else {
            response.body = self.read_to_end();
        }
        response
    }

    /// Reads one final response to a GET.
    pub fn response(&mut self) -> Response {
        self.response_to("GET")
    }

    /// Reads one chunk's data; empty for the last.
    pub fn chunk(&mut self) -> Vec<u8> {
        let line = String::from_utf8_lossy(&self.read_until(b"\r\n")).into_owned();
        let size = usize::from_str_radix(line.trim(), 16).unwrap_or_else(|_| panic!("no chunk size in {line:?}"));
        if size == 0 {
            return Vec::new();
        }
        let data = self.read_exact(size);
        assert_eq!(self.read_exact(2), b"\r\n");
        data
    }

    fn read_chunks(&mut self, response: &mut Response) {
        loop {
            let data = self.chunk();
            if data.is_empty() {
                break;
            }
            response.body.extend_from_slice(&data);
        }
        loop {
            let line = String::from_utf8_lossy(&self.read_until(b"\r\n")).into_owned();
            if line == "\r\n" {
                return;
            }
            response.trailers.push(field(line.trim_end()));
        }
    }
}

fn field(line: &str) -> (String, String) {
    let (name, value) = line.split_once(':').unwrap_or_else(|| panic!("no field: {line:?}"));
    (name.to_ascii_lowercase(), value.trim().to_owned())
}
