//! The requests, and in what the answers to them differ.

use super::Case;

/// Grouped by what they ask.
pub(super) const CASES: &[Case] = &[
    Case { name: "the index", request: "GET / HTTP/1.1\nHost: localhost\nConnection: close\n\n", meant: &[] },
    Case { name: "HEAD of the index", request: "HEAD / HTTP/1.1\nHost: localhost\nConnection: close\n\n", meant: &[] },
    Case { name: "a file", request: "GET /robots.txt HTTP/1.1\nHost: localhost\nConnection: close\n\n", meant: &[] },
    Case { name: "a file in HTTP 1.0", request: "GET /robots.txt HTTP/1.0\nHost: localhost\nConnection: close\n\n", meant: &[] },
    Case { name: "a missing file", request: "GET /missing.txt HTTP/1.1\nHost: localhost\nConnection: close\n\n", meant: &[] },
    Case { name: "a missing file, HEAD", request: "HEAD /missing.txt HTTP/1.1\nHost: localhost\nConnection: close\n\n", meant: &[] },
    Case { name: "a query", request: "GET /robots.txt?a=b HTTP/1.1\nHost: localhost\nConnection: close\n\n", meant: &[] },
    Case { name: "a space in the name", request: "GET /with%20space.txt HTTP/1.1\nHost: localhost\nConnection: close\n\n", meant: &[] },
    Case {
        name: "a folder without its slash",
        request: "GET /docs HTTP/1.1\nHost: localhost\nConnection: close\n\n",
        meant: &[("status", "308 keeps the method"), ("location", "relative: right behind any proxy and port")],
    },
    Case {
        name: "a folder without its slash, with a query",
        request: "GET /docs?a=b HTTP/1.1\nHost: localhost\nConnection: close\n\n",
        meant: &[("status", "308 keeps the method"), ("location", "relative: right behind any proxy and port")],
    },
    Case { name: "a folder", request: "GET /docs/ HTTP/1.1\nHost: localhost\nConnection: close\n\n", meant: &[] },
    Case {
        name: "a folder without an index",
        request: "GET /empty/ HTTP/1.1\nHost: localhost\nConnection: close\n\n",
        meant: &[("status", "whether there is a folder is not told")],
    },
    Case { name: "an empty file", request: "GET /empty/file.bin HTTP/1.1\nHost: localhost\nConnection: close\n\n", meant: &[] },
    Case { name: "a file with a slash behind", request: "GET /robots.txt/ HTTP/1.1\nHost: localhost\nConnection: close\n\n", meant: &[] },
    Case {
        name: "a hidden file",
        request: "GET /.env HTTP/1.1\nHost: localhost\nConnection: close\n\n",
        meant: &[("status", "hidden files are not served unless `hidden` says so")],
    },
    Case { name: "a mapped folder", request: "GET /mapped/index.html HTTP/1.1\nHost: localhost\nConnection: close\n\n", meant: &[] },
    Case {
        name: "a mapped folder off by its slash",
        request: "GET /mapped../index.html HTTP/1.1\nHost: localhost\nConnection: close\n\n",
        meant: &[],
    },
    Case {
        name: "the name of a mapped folder continued",
        request: "GET /mappedindex.html HTTP/1.1\nHost: localhost\nConnection: close\n\n",
        meant: &[],
    },
    Case {
        name: "a redirect",
        request: "GET /old HTTP/1.1\nHost: localhost\nConnection: close\n\n",
        meant: &[("location", "as it was written: relative, right behind any proxy and port")],
    },
    Case { name: "a fixed answer", request: "GET /fixed HTTP/1.1\nHost: localhost\nConnection: close\n\n", meant: &[] },
    Case {
        name: "the coded sibling",
        request: "GET /packed.js HTTP/1.1\nHost: localhost\nConnection: close\nAccept-Encoding: gzip\n\n",
        meant: &[],
    },
    Case {
        name: "a coding that is refused",
        request: "GET /packed.js HTTP/1.1\nHost: localhost\nConnection: close\nAccept-Encoding: gzip;q=0\n\n",
        meant: &[],
    },
    Case { name: "no coding asked for", request: "GET /packed.js HTTP/1.1\nHost: localhost\nConnection: close\n\n", meant: &[] },
    Case {
        name: "any coding",
        request: "GET /packed.js HTTP/1.1\nHost: localhost\nConnection: close\nAccept-Encoding: *\n\n",
        meant: &[
            ("body", "`*` accepts the coded form too (RFC 9110 §12.5.3)"),
            ("content-encoding", "as the body"),
            ("content-length", "as the body"),
        ],
    },
    Case {
        name: "x-gzip",
        request: "GET /packed.js HTTP/1.1\nHost: localhost\nConnection: close\nAccept-Encoding: x-gzip\n\n",
        meant: &[("body", "x-gzip is gzip (RFC 9110 §8.4.1.3)"), ("content-encoding", "as the body"), ("content-length", "as the body")],
    },
    Case {
        name: "the first bytes",
        request: "GET /robots.txt HTTP/1.1\nHost: localhost\nConnection: close\nRange: bytes=0-3\n\n",
        meant: &[],
    },
    Case {
        name: "the last bytes",
        request: "GET /robots.txt HTTP/1.1\nHost: localhost\nConnection: close\nRange: bytes=-3\n\n",
        meant: &[],
    },
    Case {
        name: "from a byte on",
        request: "GET /robots.txt HTTP/1.1\nHost: localhost\nConnection: close\nRange: bytes=7-\n\n",
        meant: &[],
    },
    Case {
        name: "a range beyond the end",
        request: "GET /robots.txt HTTP/1.1\nHost: localhost\nConnection: close\nRange: bytes=10-\n\n",
        meant: &[],
    },
    Case {
        name: "a range over the end",
        request: "GET /robots.txt HTTP/1.1\nHost: localhost\nConnection: close\nRange: bytes=8-100\n\n",
        meant: &[],
    },
    Case {
        name: "a range that ends before it begins",
        request: "GET /robots.txt HTTP/1.1\nHost: localhost\nConnection: close\nRange: bytes=5-3\n\n",
        meant: &[("status", "such a range is invalid, and ignored (RFC 9110 §14.1.1)")],
    },
    Case {
        name: "a suffix of nothing",
        request: "GET /robots.txt HTTP/1.1\nHost: localhost\nConnection: close\nRange: bytes=-0\n\n",
        meant: &[],
    },
    Case {
        name: "another unit",
        request: "GET /robots.txt HTTP/1.1\nHost: localhost\nConnection: close\nRange: lines=0-3\n\n",
        meant: &[],
    },
    Case {
        name: "HEAD of a range",
        request: "HEAD /robots.txt HTTP/1.1\nHost: localhost\nConnection: close\nRange: bytes=0-3\n\n",
        meant: &[("status", "only GET has ranges (RFC 9110 §14.2)")],
    },
    Case {
        name: "a range of the coded sibling",
        request: "GET /packed.js HTTP/1.1\nHost: localhost\nConnection: close\nAccept-Encoding: gzip\nRange: bytes=0-3\n\n",
        meant: &[("status", "a coded form has ranges of its own: its tag tells it apart")],
    },
    Case {
        name: "a range if unchanged since its date",
        request: "GET /robots.txt HTTP/1.1\nHost: localhost\nConnection: close\nRange: bytes=0-3\nIf-Range: Tue, 14 Nov 2023 22:13:20 GMT\n\n",
        meant: &[],
    },
    Case {
        name: "a range if unchanged since another date",
        request: "GET /robots.txt HTTP/1.1\nHost: localhost\nConnection: close\nRange: bytes=0-3\nIf-Range: Tue, 14 Nov 2023 22:13:21 GMT\n\n",
        meant: &[],
    },
    Case {
        name: "a range if it has another tag",
        request: "GET /robots.txt HTTP/1.1\nHost: localhost\nConnection: close\nRange: bytes=0-3\nIf-Range: \"other\"\n\n",
        meant: &[],
    },
    Case {
        name: "any tag is not wanted",
        request: "GET /robots.txt HTTP/1.1\nHost: localhost\nConnection: close\nIf-None-Match: *\n\n",
        meant: &[],
    },
    Case {
        name: "another tag is known",
        request: "GET /robots.txt HTTP/1.1\nHost: localhost\nConnection: close\nIf-None-Match: \"other\"\n\n",
        meant: &[],
    },
    Case {
        name: "not changed since its date",
        request: "GET /robots.txt HTTP/1.1\nHost: localhost\nConnection: close\nIf-Modified-Since: Tue, 14 Nov 2023 22:13:20 GMT\n\n",
        meant: &[],
    },
    Case {
        name: "not changed since a later date",
        request: "GET /robots.txt HTTP/1.1\nHost: localhost\nConnection: close\nIf-Modified-Since: Wed, 15 Nov 2023 22:13:20 GMT\n\n",
        meant: &[("status", "not modified since then either (RFC 9110 §13.1.3); nginx compares for equality")],
    },
    Case {
        name: "changed since an earlier date",
        request: "GET /robots.txt HTTP/1.1\nHost: localhost\nConnection: close\nIf-Modified-Since: Mon, 13 Nov 2023 22:13:20 GMT\n\n",
        meant: &[],
    },
    Case {
        name: "a date that is none",
        request: "GET /robots.txt HTTP/1.1\nHost: localhost\nConnection: close\nIf-Modified-Since: yesterday\n\n",
        meant: &[],
    },
    Case {
        name: "only if unchanged since an earlier date",
        request: "GET /robots.txt HTTP/1.1\nHost: localhost\nConnection: close\nIf-Unmodified-Since: Mon, 13 Nov 2023 22:13:20 GMT\n\n",
        meant: &[],
    },
    Case {
        name: "only if unchanged since its date",
        request: "GET /robots.txt HTTP/1.1\nHost: localhost\nConnection: close\nIf-Unmodified-Since: Tue, 14 Nov 2023 22:13:20 GMT\n\n",
        meant: &[],
    },
    Case {
        name: "only with another tag",
        request: "GET /robots.txt HTTP/1.1\nHost: localhost\nConnection: close\nIf-Match: \"other\"\n\n",
        meant: &[],
    },
    Case {
        name: "only with any tag",
        request: "GET /robots.txt HTTP/1.1\nHost: localhost\nConnection: close\nIf-Match: *\n\n",
        meant: &[],
    },
    Case {
        name: "POST to a file",
        request: "POST /robots.txt HTTP/1.1\nHost: localhost\nConnection: close\nContent-Length: 0\n\n",
        meant: &[],
    },
    Case { name: "OPTIONS", request: "OPTIONS /robots.txt HTTP/1.1\nHost: localhost\nConnection: close\n\n", meant: &[] },
    Case { name: "DELETE", request: "DELETE /robots.txt HTTP/1.1\nHost: localhost\nConnection: close\n\n", meant: &[] },
    Case { name: "TRACE", request: "TRACE /robots.txt HTTP/1.1\nHost: localhost\nConnection: close\n\n", meant: &[] },
    Case {
        name: "a method in lower case",
        request: "get /robots.txt HTTP/1.1\nHost: localhost\nConnection: close\n\n",
        meant: &[("status", "a method that is not known, not a malformed one (RFC 9110 §9.1)")],
    },
    Case { name: "an unknown method", request: "BREW /robots.txt HTTP/1.1\nHost: localhost\nConnection: close\n\n", meant: &[] },
    Case { name: "above the root", request: "GET /../nginx.conf HTTP/1.1\nHost: localhost\nConnection: close\n\n", meant: &[] },
    Case {
        name: "above the root, escaped",
        request: "GET /%2e%2e/nginx.conf HTTP/1.1\nHost: localhost\nConnection: close\n\n",
        meant: &[],
    },
    Case {
        name: "above the root, escaped slash",
        request: "GET /..%2fnginx.conf HTTP/1.1\nHost: localhost\nConnection: close\n\n",
        meant: &[("status", "an escaped slash is no separator: there is no such file")],
    },
    Case {
        name: "up and down within the root",
        request: "GET /docs/../robots.txt HTTP/1.1\nHost: localhost\nConnection: close\n\n",
        meant: &[],
    },
    Case { name: "a dot", request: "GET /./robots.txt HTTP/1.1\nHost: localhost\nConnection: close\n\n", meant: &[] },
    Case { name: "two slashes", request: "GET //robots.txt HTTP/1.1\nHost: localhost\nConnection: close\n\n", meant: &[] },
    Case {
        name: "an escaped slash",
        request: "GET /docs%2findex.html HTTP/1.1\nHost: localhost\nConnection: close\n\n",
        meant: &[("status", "an escaped slash is no separator: what the API sees as one segment is one here")],
    },
    Case { name: "an escaped NUL", request: "GET /robots.txt%00.html HTTP/1.1\nHost: localhost\nConnection: close\n\n", meant: &[] },
    Case { name: "an escape that is none", request: "GET /%zz HTTP/1.1\nHost: localhost\nConnection: close\n\n", meant: &[] },
    Case { name: "a backslash", request: "GET /docs\\index.html HTTP/1.1\nHost: localhost\nConnection: close\n\n", meant: &[] },
    Case {
        name: "an absolute target",
        request: "GET http://localhost/robots.txt HTTP/1.1\nHost: localhost\nConnection: close\n\n",
        meant: &[],
    },
    Case {
        name: "a fragment",
        request: "GET /robots.txt#part HTTP/1.1\nHost: localhost\nConnection: close\n\n",
        meant: &[("status", "a fragment is no part of a request target (RFC 9112 §3.2)")],
    },
    Case { name: "no Host", request: "GET /robots.txt HTTP/1.1\nConnection: close\n\n", meant: &[] },
    Case { name: "no Host in HTTP 1.0", request: "GET /robots.txt HTTP/1.0\n\n", meant: &[] },
    Case { name: "two Hosts", request: "GET /robots.txt HTTP/1.1\nHost: localhost\nHost: other\nConnection: close\n\n", meant: &[] },
    Case { name: "a folded field", request: "GET /robots.txt HTTP/1.1\nHost: localhost\nX: a\n b\nConnection: close\n\n", meant: &[] },
    Case { name: "a space before the colon", request: "GET /robots.txt HTTP/1.1\nHost : localhost\nConnection: close\n\n", meant: &[] },
    Case {
        name: "length and chunks",
        request: "GET /robots.txt HTTP/1.1\nHost: localhost\nContent-Length: 5\nTransfer-Encoding: chunked\nConnection: close\n\n0\n\n",
        meant: &[],
    },
    Case {
        name: "two lengths",
        request: "GET /robots.txt HTTP/1.1\nHost: localhost\nContent-Length: 0\nContent-Length: 1\nConnection: close\n\n",
        meant: &[],
    },
    Case { name: "HTTP 2.0 in a request line", request: "GET /robots.txt HTTP/2.0\nHost: localhost\nConnection: close\n\n", meant: &[] },
    Case { name: "no version", request: "GET /robots.txt\n\n", meant: &[("status", "HTTP/0.9 is not spoken")] },
    Case { name: "garbage", request: "\x16\x03\x01\x02\n\n", meant: &[] },
];
